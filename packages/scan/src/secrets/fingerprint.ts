import { createHmac, randomBytes } from "node:crypto";

/** Names a secret: the same for the same, and nothing that could be looked up or guessed without the salt. */
export type Fingerprint = (secret: string) => string;

/** 64 bits: secrets that differ differ here, for as many as anybody has. */
const HEX_CHARACTERS = 16;
let ofThisRun: Buffer | undefined;

/**
 * Fingerprints with `salt`: an installation keeps one, so that it knows a secret again on another disk. Without
 * one, those of two runs have nothing in common.
 */
export function makeFingerprint(salt?: Uint8Array): Fingerprint {
  return (secret) => {
    ofThisRun ??= randomBytes(32);
    const hash = createHmac("sha256", salt ?? ofThisRun).update(secret, "latin1");
    return hash.digest("hex").slice(0, HEX_CHARACTERS);
  };
}
