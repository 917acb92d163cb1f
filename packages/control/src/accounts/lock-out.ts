const minute = 60_000;

/** NIST SP 800-53 AC-7: how many failures within which time close a name, and for how long. In milliseconds. */
export const lockOutRule = { failures: 3, within: 15 * minute, lockedFor: 15 * minute };

/** Failed logins of one name. Times are in milliseconds since the epoch. */
export interface LockOut {
  /** Oldest first; none older than the rule's window, none from before the last success or lock. */
  readonly failures: readonly number[];
  readonly lockedUntil: number | null;
}

export const noFailures: LockOut = { failures: [], lockedUntil: null };

export function isLocked({ lockedUntil }: LockOut, now: number): boolean {
  return lockedUntil !== null && now < lockedUntil;
}

/** After one more failure: the third within the window locks, and counting begins anew behind the lock. */
export function afterFailure(state: LockOut, now: number): LockOut {
  if (isLocked(state, now)) return state;
  const recent = state.failures.filter((at) => now - at < lockOutRule.within && at <= now);
  const failures = [...recent, now];
  if (failures.length < lockOutRule.failures) return { failures, lockedUntil: null };
  return { failures: [], lockedUntil: now + lockOutRule.lockedFor };
}
