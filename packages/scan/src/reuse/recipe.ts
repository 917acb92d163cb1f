import { CasemateError, type ErrorCode } from "@casemate/core";
import type { FileStat, FileType } from "@casemate/formats/disk";

/** An error as it is kept: what becomes of it is told by these alone. */
export interface KeptError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What one piece of a scan's work found, and what it was read from: start and end of each stretch. */
export interface Unit {
  readonly reads: readonly number[];
  /** What names led to, by their paths: the directories that tell so may change otherwise. */
  readonly lookups?: Readonly<Record<string, string>>;
  /** Absent where none were found: most files have none. */
  readonly rows?: readonly object[];
  readonly missed?: readonly (readonly [what: string, problem: KeptError])[];
  readonly thrown?: KeptError;
}

/** A `FileStat` in few bytes: its numbers, in the order of `packStat`. */
export type PackedStat = readonly number[];

/** A name in a directory as a walk came past it. */
export interface KeptEntry {
  readonly name: string;
  /** Absent where it cannot be opened, or was not. */
  readonly stat?: PackedStat;
  readonly problem?: KeptError;
  /** What visitors found, by their ids; nothing where one read nothing and found nothing. */
  visits?: Record<string, Unit>;
}

export interface KeptDirectory {
  readonly inode: number;
  readonly reads: readonly number[];
  readonly entries: readonly KeptEntry[];
  /** Why there are no more of them. */
  readonly problem?: KeptError;
}

/** How a scan came to its result: what each part of it was made of. */
export interface Recipe {
  /** Sizes of the disks, in bytes. */
  readonly sizes: readonly number[];
  /** Finding volumes and opening their file systems. */
  readonly opening: {
    readonly reads: readonly number[];
    /** What was gone by of what may change beside it. */
    readonly facts: readonly string[];
    /** What a journal has something newer of. */
    readonly displaced: readonly number[];
  };
  /** Which system was found, and what is mounted where. */
  readonly mounted: string;
  /** By id; what visitors are informed by, too, by theirs. */
  readonly collectors: Record<string, Unit>;
  /** By path. */
  readonly directories: Record<string, KeptDirectory>;
}

const TYPES: readonly FileType[] = [
  "file",
  "directory",
  "symlink",
  "character-device",
  "block-device",
  "fifo",
  "socket",
];

export function packStat(stat: FileStat): PackedStat {
  const { inode, type, mode, uid, gid, size, links, modifiedMs, changedMs, encrypted } = stat;
  const kind = TYPES.indexOf(type) * 2 + (encrypted ? 1 : 0);
  return [inode, kind, mode, uid, gid, size, links, modifiedMs, changedMs];
}

export function unpackStat(packed: PackedStat): FileStat {
  const [inode = 0, kind = 0, mode = 0, uid = 0, gid = 0, size = 0] = packed;
  const [links = 0, modifiedMs = 0, changedMs = 0] = packed.slice(6);
  const type = TYPES[kind >>> 1] ?? "file";
  const encrypted = kind % 2 === 1;
  return { inode, type, mode, uid, gid, size, links, modifiedMs, changedMs, encrypted };
}

export function keepError({ code, message }: CasemateError): KeptError {
  return { code, message };
}

export function restoreError({ code, message }: KeptError): CasemateError {
  return new CasemateError(code, message);
}
