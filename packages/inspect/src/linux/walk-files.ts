import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";

/** One open file descriptor. */
export interface OpenFile {
  readonly fd: number;
  /** Address of its `struct file`. */
  readonly file: Gva;
}

const POINTER = 8;
/** A process cannot have more: `sysctl_nr_open_max` (fs/file.c) is below 2^28. */
const MAX_FDS = 2 ** 28;
/** How many pointers are copied at once. */
const CHUNK = 512;

/**
 * Open files of the `files_struct` at `files` (`task_struct.files`; not NULL) in the order of their
 * descriptors: `iterate_fd`, by the array of pointers and not by the bitmap beside it.
 */
export function* walkFiles(kernel: KernelReader, files: Gva): Generator<OpenFile> {
  const fdt = kernel.link(files, kernel.struct("files_struct").offset("fdt"));
  const table = kernel.struct("fdtable");
  const length = table.number("max_fds")(fdt);
  const array = table.pointer("fd")(fdt);
  if (length > MAX_FDS) {
    throw new MemoryFault(fdt, `a table of ${length} descriptors`, `at most ${MAX_FDS}`);
  }
  for (let start = 0; start < length; start += CHUNK) {
    const count = Math.min(CHUNK, length - start);
    kernel.budget.step();
    const chunk = kernel.memory.bytes(gva(array + BigInt(start * POINTER)), count * POINTER);
    const words = new Uint32Array(chunk.buffer);
    for (let i = 0; i < count; i += 1) {
      if (words[2 * i] === 0 && words[2 * i + 1] === 0) continue;
      kernel.budget.step();
      const file = kernel.link(array, (start + i) * POINTER);
      if (file !== 0n) yield { fd: start + i, file };
    }
  }
}
