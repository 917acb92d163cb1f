import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A probe that somebody asked the kernel to put into the code of a file. */
export interface Uprobe {
  /** Address of the file's `inode`. */
  readonly inode: Gva;
  /** Of the probed instruction in the file, in bytes. */
  readonly offset: number;
}

/** Every registered probe of user code: `uprobes_tree` (kernel/events/uprobes.c). */
export function* walkUprobes(kernel: KernelReader): Generator<Uprobe> {
  if (!kernel.hasStruct("uprobe") || !kernel.hasSymbol("uprobes_tree")) return;
  const type = kernel.struct("uprobe");
  const inode = type.pointer("inode");
  const offset = type.number("offset");
  for (const at of type.rbTree(kernel.symbol("uprobes_tree"), "rb_node")) {
    yield { inode: inode(at), offset: offset(at) };
  }
}
