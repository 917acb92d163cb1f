import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor, StructType } from "../kernel/struct-type.ts";

/**
 * The function that a program of BPF is made for, or "": `attach_func_name` of the `struct bpf_prog_aux` at the path
 * `aux` of `type`.
 *
 * The kernel keeps its name among its own types and nowhere else. Where those were overwritten, it is taken
 * from the types that the reader has of the same build.
 */
export function attachFuncName(
  kernel: KernelReader,
  type: StructType,
  aux: string,
): Accessor<string> {
  const pointer = type.pointer(`${aux}->attach_func_name`);
  const id = type.number(`${aux}->attach_btf_id`);
  const text = type.string(`${aux}->attach_func_name`);
  const [start, stop] = [kernel.symbol("__start_BTF"), kernel.symbol("__stop_BTF")];
  return (at) => {
    const name = pointer(at);
    if (name < start || name >= stop) return text(at);
    // HOSTILE: the number is the guest's.
    const func = id(at);
    return func > 0 && func < kernel.btf.size ? kernel.btf.name(func) : "";
  };
}
