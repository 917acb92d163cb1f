import type { BlockReader } from "../block-reader.ts";

export type FileType =
  | "file"
  | "directory"
  | "symlink"
  | "character-device"
  | "block-device"
  | "fifo"
  | "socket";

/** What an inode says of a file, as lstat(2) has it. HOSTILE: whoever could write the disk says it. */
export interface FileStat {
  /** The inode's number: files of the same one are the same. */
  readonly inode: number;
  readonly type: FileType;
  /** Permission bits, with set-user-ID, set-group-ID and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In bytes. */
  readonly size: number;
  readonly links: number;
  /** In milliseconds since 1970, with fractions. */
  readonly modifiedMs: number;
  readonly changedMs: number;
  /** Contents and names are encrypted by fscrypt: to be said, not read. */
  readonly encrypted: boolean;
}

/** A name in a directory. Bytes that are no UTF-8 are the characters that `decodeName` makes of them. */
export interface DirectoryEntry {
  readonly name: string;
  /** Throws `disk/*` where the file it leads to cannot be read. */
  open(): FileNode;
}

/**
 * A file in a file system, whichever that is: the seam between what knows a format and what walks through
 * paths. Each function throws `disk/damaged`, `disk/truncated`, `disk/encrypted`, `disk/unsupported`, and
 * `disk/unsupported` where the file is of another type.
 */
export interface FileNode {
  readonly stat: FileStat;
  /** What is in a directory, without `.` and `..`, in its own order. */
  entries(): Iterable<DirectoryEntry>;
  /** The contents of a file. */
  contents(): BlockReader;
  /** Where a symbolic link leads. */
  target(): string;
}
