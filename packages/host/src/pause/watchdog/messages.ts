import type { ErrorCode } from "@casemate/core";
import type { PauseRecord } from "../pause-record.ts";
import type { Resumption } from "../resume-if-still-paused.ts";

/** What a watchdog is for, told as its only argument in JSON. */
export interface WatchdogTask {
  readonly record: Omit<PauseRecord, "pausedAt">;
  readonly limitMs: number;
  /** The journal's entry, to be removed once the VM is not paused by Casemate any more. */
  readonly entryPath: string;
}

/** Orders to the watchdog: one byte each on its standard input, whose end is an order too. */
export const watchdogOrders = { freeze: 0x66, thaw: 0x74 } as const;

/** What the watchdog says, one JSON text a line: `ready`, then how the freeze went, then how it ended. */
export type WatchdogAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "frozen" }
  /** Somebody else had paused the VM; it stays so. */
  | { readonly kind: "already-paused" }
  | {
      readonly kind: "ended";
      readonly resumption: Resumption;
      /** Whether it was told to; otherwise the limit was over. */
      readonly told: boolean;
      /** From before the VM was asked to stop until after it was asked to go on. */
      readonly microseconds: number;
    }
  | { readonly kind: "error"; readonly code: ErrorCode; readonly message: string };
