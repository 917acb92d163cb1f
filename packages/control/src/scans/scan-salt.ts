import { randomBytes } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { storageError } from "../store/storage-error.ts";

const BYTES = 32;

/**
 * What fingerprints of secrets are salted with in this data directory: the same in every scan, so that a secret
 * is known again on another disk, and known to nobody else, so that none can be guessed from its fingerprint.
 *
 * Nothing is read or made before it is asked for. Then throws `data/*`, `disk/full`.
 */
export function scanSaltIn(directory: string): () => Promise<Uint8Array> {
  const path = join(directory, "scan-salt");
  let salt: Promise<Uint8Array> | undefined;
  return async () => {
    salt ??= readOrMake(path);
    try {
      return await salt;
    } catch (thrown) {
      salt = undefined; // the disk may have room the next time
      throw storageError(thrown, path);
    }
  };
}

async function readOrMake(path: string): Promise<Uint8Array> {
  const known = await readFile(path).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return undefined;
    throw thrown;
  });
  if (known === undefined) return await make(path);
  if (known.length === BYTES) return known;
  throw new CasemateError(
    "data/damaged",
    `Cannot read ${path}: it has ${known.length} bytes, expected ${BYTES}.`,
  );
}

/** Whole or not at all: another salt is another fingerprint of every secret. */
async function make(path: string): Promise<Uint8Array> {
  const salt = randomBytes(BYTES);
  const half = `${path}.new`;
  {
    await using file = await open(half, "w", 0o600);
    await file.writeFile(salt);
    await file.sync();
  }
  await rename(half, path);
  return salt;
}
