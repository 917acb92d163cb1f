import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { encodeBase32 } from "./base32.ts";

/** What every authenticator app understands: HMAC-SHA-1, six digits, a step of 30 seconds. */
const step = { seconds: 30, digits: 6 };

/** A clock may be this many steps ahead or behind (RFC 6238, 5.2). */
const drift = 1;

/** RFC 4226, section 4: 160 bits. */
const secretBytes = 20;

export function newTotpSecret(): Buffer {
  return randomBytes(secretBytes);
}

/** The code of `counter` with that many digits (RFC 4226, 5.3). */
export function hotp(
  secret: Uint8Array,
  counter: number,
  digits: number = step.digits,
  algorithm: "sha1" | "sha256" | "sha512" = "sha1",
): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac(algorithm, secret).update(message).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  const value = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(value % 10 ** digits).padStart(digits, "0");
}

/** The time step that `now` lies in. */
export function stepOf(now: Date): number {
  return Math.floor(now.getTime() / 1_000 / step.seconds);
}

/**
 * The time step whose code this is: within the drift, and after `lastUsed`, because a code counts once
 * (RFC 6238, 5.2). `undefined` when there is none. Every step is compared, in constant time.
 */
export function findStep(
  secret: Uint8Array,
  code: string,
  now: Date,
  lastUsed: number | null,
): number | undefined {
  const given = Buffer.from(code.padEnd(step.digits).slice(0, step.digits));
  let found: number | undefined;
  for (let counter = stepOf(now) - drift; counter <= stepOf(now) + drift; counter++) {
    if (counter < 0) continue;
    const fits = timingSafeEqual(Buffer.from(hotp(secret, counter)), digitsOf(given));
    if (fits && code.length === step.digits && (lastUsed === null || counter > lastUsed)) {
      found ??= counter;
    }
  }
  return found;
}

/** Six bytes whatever was typed: characters of several bytes are no digits. */
function digitsOf(given: Buffer): Buffer {
  return given.length === step.digits ? given : Buffer.alloc(step.digits);
}

/** What an authenticator app takes (github.com/google/google-authenticator/wiki/Key-Uri-Format). */
export function totpUri(secret: Uint8Array, account: string): string {
  const query = new URLSearchParams({ secret: encodeBase32(secret), issuer: "Casemate" });
  return `otpauth://totp/Casemate:${encodeURIComponent(account)}?${query}`;
}
