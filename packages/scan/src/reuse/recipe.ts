import { CasemateError, type ErrorCode } from "@casemate/core";
import type { FileStat } from "@casemate/formats/disk";

/** An error as it is kept: what becomes of it is told by these alone. */
export interface KeptError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What one piece of a scan's work found, and what it was read from: start and end of each stretch. */
export interface Unit {
  readonly reads: readonly number[];
  readonly rows: readonly object[];
  readonly missed: readonly (readonly [what: string, problem: KeptError])[];
  readonly thrown?: KeptError;
}

/** A name in a directory as a walk came past it. */
export interface KeptEntry {
  readonly name: string;
  /** Absent where it cannot be opened, or was not. */
  readonly stat?: FileStat;
  readonly problem?: KeptError;
  /** What visitors found, by their ids. */
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
  /** By id. */
  readonly collectors: Record<string, Unit>;
  /** By path. */
  readonly directories: Record<string, KeptDirectory>;
}

export function keepError({ code, message }: CasemateError): KeptError {
  return { code, message };
}

export function restoreError({ code, message }: KeptError): CasemateError {
  return new CasemateError(code, message);
}
