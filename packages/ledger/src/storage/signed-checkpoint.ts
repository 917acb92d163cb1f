import { CasemateError } from "@casemate/core";
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from "../notes/checkpoint.ts";
import { formatNote, parseNote, signNote, verifyNote } from "../notes/signed-note.ts";
import type { SigningKey } from "../notes/signing-key.ts";
import { type KeyChain, keyFor } from "./key-chain.ts";

/** The name of the file with the newest checkpoint (C2SP tlog-tiles). */
export const CHECKPOINT = "checkpoint";

/** A checkpoint with the note that signs it. */
export interface SignedCheckpoint extends Checkpoint {
  /** The signed note, as it is kept and sent. */
  readonly note: string;
}

/** Signs a checkpoint with every key given. */
export function signCheckpoint(
  checkpoint: Checkpoint,
  keys: readonly SigningKey[],
): SignedCheckpoint {
  const text = formatCheckpoint(checkpoint);
  const signatures = keys.map((key) => signNote(text, key));
  return { ...checkpoint, note: formatNote({ text, signatures }) };
}

/**
 * The checkpoint of a note that the right key of the chain has signed.
 *
 * HOSTILE: it comes from anybody until then. Throws `ledger/malformed`, `ledger/unproven`.
 */
export function verifyCheckpoint(note: string, chain: KeyChain): SignedCheckpoint {
  const parsed = parseNote(note);
  const checkpoint = parseCheckpoint(parsed.text);
  const key = keyFor(chain, checkpoint.size);
  if (key === undefined || !verifyNote(parsed, [key]).includes(key)) {
    throw new CasemateError(
      "ledger/unproven",
      `Cannot verify the checkpoint of size ${checkpoint.size}: ${key?.text ?? "no known key"} has not signed it, expected its signature.`,
    );
  }
  if (checkpoint.origin !== key.name) {
    throw new CasemateError(
      "ledger/unproven",
      `Cannot verify the checkpoint of ${checkpoint.origin}: it is signed for ${key.name}, expected the same log.`,
    );
  }
  return { ...checkpoint, note };
}
