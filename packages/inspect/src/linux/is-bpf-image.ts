import { gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { CodeMemory } from "./walk-code-memory.ts";

const PAGE = 4096;
/** Where nothing of a program is, `bpf_jit_binary_alloc` (kernel/bpf/core.c) puts breakpoints. */
const INT3 = 0xcc;
/** It takes 128 bytes more than the program needs, of which alignment may cost some. */
const LEAST_FILLING = 96;
/** `bpf_binary_header`: a size in bytes, or in pages up to 5.17. */
const HEADER = 16;

/**
 * Whether memory is what the kernel makes of one classic BPF program (a filter of a socket or of seccomp),
 * which has no symbol: its size stands at its start, and all but the program is breakpoints.
 *
 * HOSTILE: code that pretends to be one is called by nothing that looks like code of the kernel.
 */
export function isBpfImage(kernel: KernelReader, { start, end }: CodeMemory): boolean {
  if (!kernel.hasStruct("bpf_binary_header")) return false;
  const size = Number(end - start);
  if (size <= 0 || size > 4 * 1024 * 1024) return false;
  const isPages = kernel.struct("bpf_binary_header").has("pages");
  const said = kernel.attempt(() => kernel.memory.u32(start), "memory of modules", start);
  if (said === undefined || said * (isPages ? PAGE : 1) !== size) return false;
  const bytes = kernel.attempt(
    () => kernel.memory.bytes(gva(start), size),
    "memory of modules",
    start,
  );
  if (bytes === undefined) return false;
  let before = HEADER;
  while (before < size && bytes[before] === INT3) before += 1;
  let after = size;
  while (after > before && bytes[after - 1] === INT3) after -= 1;
  return before - HEADER + (size - after) >= LEAST_FILLING;
}
