import { readdir } from "node:fs/promises";
import { CasemateError } from "@casemate/core";
import { emptyRoot } from "../merkle/hashes.ts";
import { generateSigningKey } from "../notes/signing-key.ts";
import { SignatureType } from "../notes/verifier-key.ts";
import { LOCK } from "./directory-lock.ts";
import { type DurableFiles, TEMPORARY } from "./durable-files.ts";
import { formatKeyChain, KEYS } from "./key-chain.ts";
import { readKeyFile, SIGNING_KEY, writeKeyFile } from "./key-file.ts";
import { CHECKPOINT, signCheckpoint } from "./signed-checkpoint.ts";

/**
 * Makes the first files of a ledger where none is: its key, who verifies it, and last the checkpoint of no facts.
 *
 * Throws `ledger/damaged` where facts are without a checkpoint, `disk/full`, `data/not-writable`.
 */
export async function beginLedger(files: DurableFiles, origin: string): Promise<void> {
  if ((await files.read(CHECKPOINT)) !== undefined) return;
  const remains = await readdir(files.directory);
  const others = remains.filter((name) => ![LOCK, TEMPORARY, SIGNING_KEY, KEYS].includes(name));
  if (others.length > 0) {
    throw new CasemateError(
      "ledger/damaged",
      `Cannot open the ledger ${files.directory}: it has no ${CHECKPOINT} but ${others.join(", ")}, expected a whole ledger or an empty directory.`,
    );
  }
  const key =
    (await readKeyFile(files, SIGNING_KEY, SignatureType.ed25519)) ??
    generateSigningKey(origin, SignatureType.ed25519);
  await writeKeyFile(files, SIGNING_KEY, key);
  await files.sync();
  await files.write(KEYS, formatKeyChain([{ from: 0, key: key.verifier }]), 0o644);
  const { note } = signCheckpoint({ origin, size: 0, root: emptyRoot }, [key]);
  await files.sync();
  await files.write(CHECKPOINT, note, 0o644);
  await files.sync();
}
