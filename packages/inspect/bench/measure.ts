/** How long something took over several runs, in milliseconds. */
export interface Timing {
  /** The least: what it takes when nothing else wants the processor. */
  readonly best: number;
  readonly median: number;
}

/** Runs `work` `runs` times. */
export function measure(runs: number, work: () => unknown): Timing {
  return summarize(
    Array.from({ length: runs }, () => {
      const started = performance.now();
      work();
      return performance.now() - started;
    }),
  );
}

/** The summary of some times in milliseconds. */
export function summarize(times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  return { best: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}
