/** How often VMs are swept, and what that may cost. */
export interface SweepSettings {
  /** From one sweep over a VM to the next, in milliseconds. */
  readonly interval: number;
  /** Processor time of the host for one VM, in milliseconds of each minute. */
  readonly cpuPerMinute: number;
  /** From one look of a detector of high cost to its next, in milliseconds; it may be longer to stay in the budget. */
  readonly highCostInterval: number;
  /** Time of one look of a detector, in milliseconds; those of high cost have more. */
  readonly look: number;
  /** From one glance between sweeps to the next, in milliseconds: what has changed is swept at once. */
  readonly glanceInterval: number;
}

/** One sweep a minute, for a hundredth of a processor. */
export const usualSweeps: SweepSettings = {
  interval: 60_000,
  cpuPerMinute: 600,
  highCostInterval: 10 * 60_000,
  look: 250,
  glanceInterval: 5_000,
};
