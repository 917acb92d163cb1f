/** Blocks of a file that follow each other on the disk, or that are a hole in it. */
export interface BlockRun {
  /** The first block on the disk; `undefined` for a hole and for blocks that were never written: zeros. */
  readonly physical: number | undefined;
  /** How many, at least 1. */
  readonly count: number;
}

/** Where the blocks of a file are: the run from block `logical` of the file on. */
export type FindRun = (logical: number) => BlockRun;
