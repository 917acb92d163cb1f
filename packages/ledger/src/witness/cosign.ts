import { formatNote, type NoteSignature, parseNote } from "../notes/signed-note.ts";
import type { SignedCheckpoint } from "../storage/signed-checkpoint.ts";
import type { TreeReader } from "../tiles/tree-reader.ts";
import { requestCosignature } from "./request-cosignature.ts";
import type { WitnessAddress } from "./witness-address.ts";

/** A checkpoint with what witnesses said to it. */
export interface CosignedCheckpoint extends SignedCheckpoint {
  /** Who signed. */
  readonly witnesses: readonly WitnessAddress[];
  /** Who did not, and why. */
  readonly failures: readonly { readonly witness: WitnessAddress; readonly error: unknown }[];
}

/** Asks every witness, all at once, to sign the checkpoint; one that fails does not keep the others from it. */
export async function cosign(
  checkpoint: SignedCheckpoint,
  tree: TreeReader,
  witnesses: readonly WitnessAddress[],
  signal?: AbortSignal,
): Promise<CosignedCheckpoint> {
  const prove = (oldSize: number) => tree.proveConsistency(oldSize, checkpoint.size);
  const asked = await Promise.allSettled(
    witnesses.map((witness) => requestCosignature(witness, checkpoint, prove, signal)),
  );
  signal?.throwIfAborted();
  const signatures: NoteSignature[] = [];
  const signers: WitnessAddress[] = [];
  const failures: { witness: WitnessAddress; error: unknown }[] = [];
  for (const [i, witness] of witnesses.entries()) {
    const outcome = asked[i];
    if (outcome?.status === "fulfilled") {
      signatures.push(outcome.value);
      signers.push(witness);
    } else failures.push({ witness, error: outcome?.reason });
  }
  const { text, signatures: own } = parseNote(checkpoint.note);
  const note = formatNote({ text, signatures: [...own, ...signatures] });
  return { ...checkpoint, note, witnesses: signers, failures };
}
