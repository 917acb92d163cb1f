import type { Microseconds } from "@casemate/core";

/**
 * Whether the VM stood still until it was resumed. `frozen` and `already-paused` say yes, the latter that
 * somebody else had paused it and finds it so; `limit-reached` and `ended-early` (somebody else resumed it,
 * or its watchdog was killed) say that it ran again before.
 */
export type PauseOutcome = "frozen" | "already-paused" | "limit-reached" | "ended-early";

export interface PauseEnd {
  readonly outcome: PauseOutcome;
  /** For how long Casemate made the VM stand still, at most; 0 where somebody else had paused it. */
  readonly microseconds: Microseconds;
}

/** A VM that stands still. Disposing resumes it, if it was Casemate that paused it. */
export interface Pause extends AsyncDisposable {
  readonly pausedAt: Date;
  /**
   * Resumes the VM, if it was Casemate that paused it, and says how it went; again says the same.
   *
   * Throws `vm/gone` where the VM stopped meanwhile, `vm/still-paused` where libvirt does not answer: the
   * watchdog then goes on trying.
   */
  resume(): Promise<PauseEnd>;
}
