import { toSignedNumber } from "../to-number.ts";

/** Nanoseconds since 1970 as ISO 8601. HOSTILE: a guest's clock may show anything; "" is what no calendar has. */
export function isoTime(nanoseconds: bigint): string {
  const time = new Date(toSignedNumber(nanoseconds / 1_000_000n));
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}
