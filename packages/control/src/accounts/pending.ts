import { randomBytes } from "node:crypto";

/** Ceremonies that were begun and wait for their second half: each is taken once, and in time. */
export interface Pending<T> {
  /** A name for it that nobody can guess. */
  put(value: T): string;
  /** What was put under that name; `undefined` when it is unknown, was taken, or is too old. */
  take(name: string): T | undefined;
}

/** At most `most` at a time: the oldest gives way. In memory: after a restart one begins again. */
export function pending<T>(
  now: () => Date,
  options: { readonly lifetimeMs: number; readonly most: number },
): Pending<T> {
  const held = new Map<string, { readonly value: T; readonly until: number }>();
  return {
    put(value) {
      const time = now().getTime();
      for (const [name, { until }] of held) {
        if (until > time && held.size < options.most) break;
        held.delete(name);
      }
      const name = randomBytes(32).toString("base64url");
      held.set(name, { value, until: time + options.lifetimeMs });
      return name;
    },
    take(name) {
      const found = held.get(name);
      held.delete(name);
      return found === undefined || found.until <= now().getTime() ? undefined : found.value;
    },
  };
}
