import { CasemateError, type Milliseconds, milliseconds } from "@casemate/core";

/** How long a pause may last before the VM is resumed whatever the reader does. */
export const pauseLimit = { standard: milliseconds(50), most: milliseconds(5_000) } as const;

/** Throws `usage` for a limit that is no whole number of milliseconds from 1 to `pauseLimit.most`. */
export function verifyPauseLimit(limit: Milliseconds): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= pauseLimit.most) return;
  throw new CasemateError(
    "usage",
    `Cannot pause for at most ${limit} ms: expected 1 to ${pauseLimit.most}.`,
  );
}
