import type { WorkerOptions } from "node:worker_threads";

/** What the threads of this folder have in common. */
export const threadOptions = {
  // The process's own flags may be of a kind that a thread refuses, `--input-type` for one.
  execArgv: [],
  // Their garbage is small; by default a thread grows by tens of MiB before it collects.
  resourceLimits: { maxYoungGenerationSizeMb: 4 },
} as const satisfies WorkerOptions;
