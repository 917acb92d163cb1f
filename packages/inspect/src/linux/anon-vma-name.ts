import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** `ANON_VMA_NAME_MAX_LEN` (include/linux/mm.h). */
const MAX_LENGTH = 80;

/**
 * Reads what its process called a VMA by `prctl(PR_SET_VMA_ANON_NAME)`: `anon_vma_name`; "" of all where the
 * kernel has no such names. HOSTILE.
 */
export function anonVmaName(kernel: KernelReader): Accessor<string> {
  const vma = kernel.struct("vm_area_struct");
  if (!vma.has("anon_name->name")) return () => "";
  const anonName = vma.pointer("anon_name");
  const file = vma.pointer("vm_file");
  const text = kernel.struct("anon_vma_name").address("name");
  // Up to 6.1 a VMA of a file has something else in the same place.
  const shared = vma.has("shared") ? vma.offset("shared") : -1;
  const offset = vma.offset("anon_name");
  const isShared = shared >= 0 && offset >= shared && offset < shared + vma.sizeOf("shared");
  return (at) => {
    if (isShared && file(at) !== 0n) return "";
    const found = anonName(at);
    return found === 0n ? "" : kernel.memory.string(text(found), MAX_LENGTH);
  };
}
