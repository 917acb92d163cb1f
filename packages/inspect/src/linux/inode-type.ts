import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** What an inode is; `anonymous` has no type of its own: epoll, eventfd and the like. */
export type FileType =
  | "file"
  | "directory"
  | "link"
  | "character"
  | "block"
  | "pipe"
  | "socket"
  | "anonymous";

/** By `S_IFMT` of `i_mode`: inode(7). */
const TYPES: ReadonlyMap<number, FileType> = new Map([
  [0o1, "pipe"],
  [0o2, "character"],
  [0o4, "directory"],
  [0o6, "block"],
  [0o10, "file"],
  [0o12, "link"],
  [0o14, "socket"],
]);

/** Reads the type of the `inode` at an address. */
export function inodeType(kernel: KernelReader): Accessor<FileType> {
  const mode = kernel.struct("inode").number("i_mode");
  return (at) => TYPES.get(mode(at) >>> 12) ?? "anonymous";
}
