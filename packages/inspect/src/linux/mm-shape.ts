import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/**
 * Reads which address space the `mm_struct` at an address is, and how much of it there is of which kind: as
 * long as that is the same, nothing was mapped, and no other program was started.
 */
export function mmShape(kernel: KernelReader): Accessor<string> {
  const space = kernel.struct("mm_struct");
  const sizes = ["map_count", "total_vm", "exec_vm", "data_vm"].map((name) => space.number(name));
  const executable = space.pointer("exe_file");
  return (mm: Gva) => `${mm} ${executable(mm)} ${sizes.map((size) => size(mm)).join(" ")}`;
}
