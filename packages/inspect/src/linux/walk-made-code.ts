import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Code that was made at run time. */
export interface MadeCode {
  readonly start: Gva;
  readonly end: bigint;
  /** HOSTILE: BPF programs name themselves. */
  readonly name: () => string;
  readonly maker: "bpf" | "ftrace";
}

/** Code made at run time that the kernel has a list of: BPF programs, trampolines and dispatchers, ftrace's trampolines. */
export function* walkMadeCode(kernel: KernelReader): Generator<MadeCode> {
  if (kernel.hasSymbol("bpf_kallsyms")) {
    const ksym = kernel.struct("bpf_ksym");
    const start = ksym.pointer("start");
    const end = ksym.bigint("end");
    const name = ksym.string("name");
    for (const at of ksym.list(kernel.symbol("bpf_kallsyms"), "lnode")) {
      yield { start: start(at), end: end(at), name: () => name(at), maker: "bpf" };
    }
  }
  if (kernel.hasSymbol("ftrace_ops_trampoline_list")) {
    const ops = kernel.struct("ftrace_ops");
    const trampoline = ops.pointer("trampoline");
    const size = ops.bigint("trampoline_size");
    for (const at of ops.list(kernel.symbol("ftrace_ops_trampoline_list"), "list")) {
      const start = trampoline(at);
      const name = () => "ftrace_trampoline";
      yield { start, end: start + size(at), name, maker: "ftrace" };
    }
  }
}
