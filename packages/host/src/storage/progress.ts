import type { Bytes } from "@casemate/core";

/** How far a long job is. */
export interface Progress {
  readonly done: Bytes;
  /** Undefined while nobody knows; it may grow while a guest goes on writing. */
  readonly total: Bytes | undefined;
}

/** Called now and then with how far a long job is. */
export type OnProgress = (progress: Progress) => void;
