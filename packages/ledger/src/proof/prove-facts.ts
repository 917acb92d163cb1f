import { apiVersion } from "@casemate/core";
import { formatBase64 } from "../notes/base64.ts";
import type { LedgerReader } from "../storage/ledger-reader.ts";
import { type SignedCheckpoint, verifyCheckpoint } from "../storage/signed-checkpoint.ts";
import { TILE_WIDTH } from "../tiles/tile-path.ts";
import type { LedgerProof, ProvenFact, ShownFact } from "./ledger-proof.ts";

/**
 * A proof of these facts. `sealed` shows their sealed bodies too, or those of some of them; `earlier` is the
 * note of a checkpoint that the proof shall tie to.
 *
 * Throws `ledger/not-found`, `ledger/damaged`; `ledger/inconsistent` where `earlier` is of another history.
 */
export async function proveFacts(
  ledger: LedgerReader,
  indexes: readonly number[],
  options: { readonly sealed?: boolean | readonly number[]; readonly earlier?: string } = {},
): Promise<LedgerProof> {
  const { checkpoint, keys } = ledger;
  const { sealed } = options;
  const [first, ...later] = keys.filter(({ from }) => from <= ledger.size);
  const facts: ShownFact[] = [];
  for (const index of indexes) {
    const proven = await proveFact(ledger, index);
    const isShown = Array.isArray(sealed) ? sealed.includes(index) : sealed === true;
    facts.push(isShown ? await showSealedBodies(ledger, proven) : proven);
  }
  const rotations: ProvenFact[] = [];
  for (const { from } of later) rotations.push(await proveFact(ledger, from - 1));
  const earlier =
    options.earlier === undefined
      ? {}
      : { earlier: await tie(ledger, verifyCheckpoint(options.earlier, keys)) };
  return {
    apiVersion,
    kind: "LedgerProof",
    checkpoint: checkpoint.note,
    firstKey: first?.key.text ?? "",
    rotations,
    facts,
    ...earlier,
  };
}

async function proveFact(ledger: LedgerReader, index: number): Promise<ProvenFact> {
  const path = await ledger.facts.tree.proveInclusion(index, ledger.size);
  const leaf = await ledger.facts.readLeaf(index, ledger.size);
  return { index, leaf: Buffer.from(leaf).toString("utf8"), inclusion: path.map(formatBase64) };
}

async function showSealedBodies(ledger: LedgerReader, proven: ProvenFact): Promise<ShownFact> {
  const bodies = await ledger.facts.readSealedBodies(Math.floor(proven.index / TILE_WIDTH));
  const own = bodies.filter(({ index }) => index === proven.index);
  if (own.length === 0) return proven;
  const sealed = Object.fromEntries(own.map(({ name, salt, body }) => [name, { salt, body }]));
  return { ...proven, sealed };
}

async function tie(ledger: LedgerReader, earlier: SignedCheckpoint) {
  const path = await ledger.facts.tree.proveConsistency(earlier.size, ledger.size);
  return { checkpoint: earlier.note, consistency: path.map(formatBase64) };
}
