import { highHalf, lowHalf } from "../to-number.ts";

/** What the high half of a 64-bit number counts, in milliseconds and nanoseconds more. */
const HIGH = { milliseconds: 4_294, nanoseconds: 967_296 };
const NANOSECONDS = 1_000_000;

/** Nanoseconds since 1970 as ISO 8601. HOSTILE: a guest's clock may show anything; "" is what no calendar has. */
export function isoTime(nanoseconds: bigint): string {
  // Exact without a division of big integers, which views would do for each row.
  const high = highHalf(nanoseconds) | 0;
  const rest = high * HIGH.nanoseconds + lowHalf(nanoseconds);
  const time = new Date(high * HIGH.milliseconds + Math.floor(rest / NANOSECONDS));
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}
