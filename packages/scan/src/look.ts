import type { CasemateError } from "@casemate/core";
import type { DirectoryEntry, FileSystem } from "@casemate/formats/disk";
import type { Missed } from "./missed.ts";
import type { VisitedFile } from "./visitor.ts";

/**
 * One look at one system: what a collector gets. What could not be read is part of the result.
 *
 * HOSTILE: the guest controls every name and every byte. Links lead nowhere outside the system's own files.
 */
export interface Look {
  /** The whole tree of the system, with what its fstab mounts. Throws where the others of these miss. */
  readonly files: FileSystem;
  /**
   * The contents of a file, links followed; `undefined` where there is no such file. What is there and cannot
   * be read, or has more than `mostBytes`, is missed. Throws `inspect/budget` alone.
   */
  read(path: string, mostBytes: number): Buffer | undefined;
  /** Entries of a directory, none where there is none. What cannot be read is missed. Throws `inspect/budget` alone. */
  list(path: string): Iterable<DirectoryEntry>;
  /**
   * A file as visitors see it, a link at the end of its path not followed; `undefined` where there is none.
   * What is there and cannot be opened is missed. Throws `inspect/budget` alone.
   */
  open(path: string): VisitedFile | undefined;
  /** What was missed so far, each thing once. */
  readonly missed: readonly Missed[];
  /** "Could not look": ends in `missed` of the result. */
  miss(path: string, problem: CasemateError): void;
}
