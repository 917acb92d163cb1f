import { lstat, open } from "node:fs/promises";
import { CasemateError } from "@casemate/core";
import { parseSigningKey, type SigningKey } from "../notes/signing-key.ts";
import type { SignatureType } from "../notes/verifier-key.ts";
import type { DurableFiles } from "./durable-files.ts";
import { isMissing } from "./storage-error.ts";

/** The name of the file with the ledger's signing key. */
export const SIGNING_KEY = "signing-key";
/** The name of the file with the key that is about to follow it. */
export const NEXT_SIGNING_KEY = "signing-key.next";

/** Writes a secret for its owner alone. Durable after the files' next `sync`. */
export async function writeKeyFile(
  files: DurableFiles,
  name: string,
  key: SigningKey,
): Promise<void> {
  await files.write(name, key.secretText, 0o600);
}

/**
 * Reads a signing key; `undefined` if there is none.
 *
 * Throws `ledger/key-unusable` for one that others may read or that is not whole.
 */
export async function readKeyFile(
  files: DurableFiles,
  name: string,
  type: SignatureType,
): Promise<SigningKey | undefined> {
  const path = files.path(name);
  try {
    const { mode } = await lstat(path);
    if ((mode & 0o077) !== 0) {
      throw new CasemateError(
        "ledger/key-unusable",
        `Cannot use the signing key ${path}: its mode is ${(mode & 0o777).toString(8)}, expected 600.`,
        { next: `Treat the key as known to others: \`chmod 600 ${path}\`, then rotate it.` },
      );
    }
    await using file = await open(path, "r");
    return parseSigningKey(await file.readFile("utf8"), type, path);
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}
