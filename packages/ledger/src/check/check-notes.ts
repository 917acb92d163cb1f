import { toCasemateError } from "@casemate/core";
import { treeRoot } from "../merkle/tree-root.ts";
import { isBy, parseNote, verifyNote } from "../notes/signed-note.ts";
import type { VerifierKey } from "../notes/verifier-key.ts";
import type { KeyChain } from "../storage/key-chain.ts";
import { type SignedCheckpoint, verifyCheckpoint } from "../storage/signed-checkpoint.ts";
import { COSIGNED, parseWitnesses, WITNESSES } from "../witness/witnesses-file.ts";
import type { Report } from "./damage.ts";

/**
 * The checkpoint in a file of the ledger. Other than in a note from elsewhere, every signature must be by a known
 * key: what nobody can verify may be damage.
 */
export function checkNote(
  file: string,
  note: string,
  chain: KeyChain,
  witnesses: readonly VerifierKey[],
  report: Report,
): SignedCheckpoint | undefined {
  const known = [...chain.map(({ key }) => key), ...witnesses];
  try {
    const checkpoint = verifyCheckpoint(note, chain);
    const parsed = parseNote(note);
    for (const [i, signature] of parsed.signatures.entries()) {
      if (known.some((key) => isBy(signature, key))) continue;
      report(file, `The signature of ${signature.name} is by no known key.`, `signature ${i + 1}`);
    }
    verifyNote(parsed, known);
    return checkpoint;
  } catch (thrown) {
    report(file, toCasemateError(thrown).message);
    return undefined;
  }
}

/** Checks the newest checkpoint that witnesses have signed, if there is one. */
export function checkCosigned(
  note: Buffer | undefined,
  witnesses: Buffer | undefined,
  chain: KeyChain,
  hashes: readonly Uint8Array[],
  report: Report,
): void {
  if (note === undefined || witnesses === undefined) {
    if (note !== witnesses)
      report(note === undefined ? COSIGNED : WITNESSES, "The file is missing.");
    return;
  }
  try {
    const keys = parseWitnesses(witnesses.toString("utf8"));
    const checkpoint = checkNote(COSIGNED, note.toString("utf8"), chain, keys, report);
    if (checkpoint === undefined) return;
    const { size, root } = checkpoint;
    const isRight =
      size <= hashes.length && Buffer.compare(treeRoot(hashes.slice(0, size)), root) === 0;
    if (!isRight) report(COSIGNED, "Its root hash is not that of the facts.", "line 3");
  } catch (thrown) {
    report(WITNESSES, toCasemateError(thrown).message);
  }
}
