import type { BlockReader, FileStat } from "@casemate/formats/disk";

/** A file of the walk. HOSTILE: the guest controls all of it. */
export interface VisitedFile {
  readonly path: string;
  readonly stat: FileStat;
  /** Throws `disk/*`. Where it is no regular file, `disk/unsupported`. */
  contents(): BlockReader;
  /** The first bytes, fewer where it ends before; read once for all visitors. Throws `disk/*`. */
  head(bytes: number): Buffer;
  /** Where a symbolic link leads. Throws `disk/*`. */
  target(): string;
}

/**
 * Sees every file of the one walk through the tree that all visitors share; symbolic links are not followed,
 * and a file with several names is seen by each. What it throws of `disk/*` is missed, for this file alone.
 */
export interface Visitor<Row extends object> {
  /** `privileged-files/setuid`: its section, and what it looks for. */
  readonly id: string;
  /** What it needs of a file to say something. Called for every file: it is to be quick. */
  wants(path: string, stat: FileStat): "nothing" | "stat" | "contents";
  visit(file: VisitedFile): Iterable<Row>;
}
