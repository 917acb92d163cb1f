/** Exit codes of the `casemate` command; scripts depend on them. */
export const ExitCode = {
  done: 0,
  failed: 1,
  suspicious: 2,
  inconclusive: 3,
  denied: 4,
  usage: 64,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
