/** One sign of life of a long step. */
export interface LabProgress {
  /** What is being done, in a word or two: `packages`, `file system`, `guests`. */
  readonly step: string;
  readonly done?: number;
  readonly total?: number;
  /** What it is at right now; free text for people. */
  readonly detail?: string;
}

export type OnProgress = (progress: LabProgress) => void;
