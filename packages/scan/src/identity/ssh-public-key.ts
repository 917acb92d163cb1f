import { createHash } from "node:crypto";

/** A public key of SSH: what `ssh-keygen -l` prints of it. */
export interface SshPublicKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`. */
  readonly algorithm: string;
  /** Absent where nobody knows: of algorithms that are not known here. */
  readonly bits?: number;
  /** `SHA256:` and the hash of the key, Base64 without padding. */
  readonly fingerprint: string;
}

/** Bits of keys of which all have the same many. */
const BITS: Readonly<Record<string, number>> = {
  "ssh-ed25519": 256,
  "sk-ssh-ed25519@openssh.com": 256,
  "ecdsa-sha2-nistp256": 256,
  "sk-ecdsa-sha2-nistp256@openssh.com": 256,
  "ecdsa-sha2-nistp384": 384,
  "ecdsa-sha2-nistp521": 521,
};
/** Which of its numbers an algorithm's bits are those of: RSA's modulus, DSA's prime (RFC 4253, 6.6). */
const NUMBER_OF_BITS: Readonly<Record<string, number>> = { "ssh-rsa": 1, "ssh-dss": 0 };
const MAX_ALGORITHM = 64;

/** A key in SSH's binary form (RFC 4253, 6.6); `undefined` where it is none. HOSTILE: the guest wrote it. */
export function parseSshPublicKey(blob: Buffer): SshPublicKey | undefined {
  const algorithm = stringAt(blob, 0);
  if (algorithm === undefined || algorithm.length > MAX_ALGORITHM) return undefined;
  const name = algorithm.toString("latin1");
  if (!/^[\x21-\x7e]+$/.test(name)) return undefined;
  const bits = BITS[name] ?? countBits(blob, 4 + algorithm.length, NUMBER_OF_BITS[name]);
  const hash = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return {
    algorithm: name,
    ...(bits === undefined ? {} : { bits }),
    fingerprint: `SHA256:${hash}`,
  };
}

/** The bits of the `index`-th number from byte `at` on. */
function countBits(blob: Buffer, at: number, index: number | undefined): number | undefined {
  if (index === undefined) return undefined;
  let next = at;
  for (let i = 0; i < index; i += 1) next += 4 + (stringAt(blob, next)?.length ?? blob.length);
  const number = stringAt(blob, next);
  if (number === undefined) return undefined;
  const first = number.findIndex((byte) => byte !== 0);
  if (first < 0) return 0;
  return (number.length - first) * 8 - Math.clz32(number[first] ?? 0) + 24;
}

/** Its length in 32 bits, then the bytes (RFC 4251, 5). */
export function stringAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + 4 > bytes.length) return undefined;
  const end = at + 4 + bytes.readUInt32BE(at);
  return end <= bytes.length ? bytes.subarray(at + 4, end) : undefined;
}
