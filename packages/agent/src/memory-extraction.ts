import type { Milliseconds } from "@casemate/core";
import type { PauseEnd } from "@casemate/host";
import type { Consistency } from "@casemate/inspect";

/** Where a guest's whole RAM is to go, and whether the guest may stand still for it. */
export interface MemoryExtractionRequest {
  /** A file of this machine, open to be read and written, whose bytes from `at` on are the extract's. */
  readonly fd: number;
  readonly at: number;
  /** Has the guest stand still for the last pass: at most so long, 50 ms unless given. */
  readonly pause?: { readonly limit?: Milliseconds | undefined } | undefined;
}

/** A guest's whole RAM in a file, as LiME has it: a header before each range of it. */
export interface MemoryExtraction {
  /** When the RAM was as the extract has it: of a torn one, when the last pass began. */
  readonly takenAt: Date;
  readonly elapsedMs: number;
  /** In the file. */
  readonly bytes: number;
  readonly ramBytes: number;
  /** Torn: pages changed while others were copied, and the extract is of no one moment. */
  readonly consistency: Consistency;
  /** What the last pass found changed since the one before, in bytes. */
  readonly changedBytes: number;
  readonly paused?: PauseEnd | undefined;
}

/** Told how much of it is done, from 0 to 1. */
export type OnExtracted = (fraction: number) => void;
