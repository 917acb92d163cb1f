import type { SeenView } from "../client/vm-source.ts";

/** How the VM stood still for the look, as a sentence. HOSTILE: the VM's name is in it. */
export function describePause(subject: string, paused: NonNullable<SeenView["paused"]>): string {
  const { outcome, microseconds } = paused;
  switch (outcome) {
    case "frozen":
      return `${subject} stood still for ${microseconds} µs.`;
    case "limit-reached":
      return `${subject} was resumed at the limit, after ${microseconds} µs, before the look was over: it ran on meanwhile.`;
    case "ended-early":
      return `${subject} ran again before the look was over; it stood still for ${microseconds} µs at most.`;
    case "already-paused":
      return `${subject} had been paused by somebody else, and stays so.`;
  }
}
