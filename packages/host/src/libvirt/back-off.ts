const first = 250;
const most = 10_000;

/**
 * Milliseconds to wait before attempt number `attempt` (from 0): 0.25 s, doubled each time up to 10 s, of
 * which a random half is taken off so that many who lost the same host do not come back at once.
 */
export function backOff(attempt: number, random: () => number = Math.random): number {
  const whole = Math.min(most, first * 2 ** Math.min(attempt, 16));
  return Math.round(whole * (1 - random() / 2));
}
