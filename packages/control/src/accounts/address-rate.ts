import { isIPv6 } from "node:net";
import { CasemateError } from "@casemate/core";

/** So many tries an address may make at once, and one more every so many milliseconds. */
const rule = { burst: 20, everyMs: 3_000 };

/** Addresses remembered; the one that came longest ago is forgotten first. */
const most = 10_000;

/** How often an address may try to log in: a bucket each (the generic cell rate algorithm). */
export interface AddressRate {
  /** Counts a try. Throws `auth/too-many`. */
  verify(address: string): void;
}

export function addressRate(now: () => Date): AddressRate {
  /** When each bucket is full again, in milliseconds since the epoch. */
  const fullAt = new Map<string, number>();
  return {
    verify(address) {
      const key = networkOf(address);
      const time = now().getTime();
      const next = Math.max(fullAt.get(key) ?? time, time) + rule.everyMs;
      fullAt.delete(key);
      const wait = next - time - rule.burst * rule.everyMs;
      fullAt.set(key, wait > 0 ? next - rule.everyMs : next);
      if (fullAt.size > most) {
        for (const oldest of fullAt.keys()) {
          fullAt.delete(oldest);
          break;
        }
      }
      if (wait <= 0) return;
      throw new CasemateError(
        "auth/too-many",
        `Cannot log in now: too many tries came from this address, expected one again in ${Math.ceil(wait / 1_000)} s.`,
      );
    },
  };
}

/** Who has one address of an IPv6 /64 has all of them (RFC 6177). */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  return [...groups, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}
