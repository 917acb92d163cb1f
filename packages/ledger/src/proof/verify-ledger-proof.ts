import { apiVersion, CasemateError, canonicalJson, toCasemateError } from "@casemate/core";
import type { Fact } from "../facts/fact.ts";
import { parseLeaf } from "../facts/leaf.ts";
import { commitmentTo } from "../facts/sealed-body.ts";
import { leafHash } from "../merkle/hashes.ts";
import { type TreeHead, verifyConsistency, verifyInclusion } from "../merkle/verify-proof.ts";
import { parseBase64 } from "../notes/base64.ts";
import { parseCheckpoint } from "../notes/checkpoint.ts";
import { parseNote } from "../notes/signed-note.ts";
import { parseVerifierKey, type VerifierKey } from "../notes/verifier-key.ts";
import { type KeyLink, verifyRotation } from "../storage/key-chain.ts";
import { type SignedCheckpoint, verifyCheckpoint } from "../storage/signed-checkpoint.ts";
import type { LedgerProof, ProvenFact, ShownFact } from "./ledger-proof.ts";

/** What a proof proves. */
export interface Proven {
  readonly checkpoint: SignedCheckpoint;
  readonly facts: readonly Fact[];
  readonly earlier?: SignedCheckpoint;
}

/** More than any proof has; each hash of a path halves the tree. */
const LIMITS = { path: 64, facts: 100_000 };

/**
 * Verifies a proof against the ledger's first key, which must be known from elsewhere.
 *
 * HOSTILE: whoever shows the proof made it. Throws `ledger/malformed`, `ledger/unproven`.
 */
export function verifyLedgerProof(document: unknown, firstKey: VerifierKey): Proven {
  const proof = parseLedgerProof(document);
  if (proof.firstKey !== firstKey.text) {
    throw unproven(`its first key is ${JSON.stringify(proof.firstKey)}, expected the trusted one`);
  }
  const claimed = parseCheckpoint(parseNote(proof.checkpoint).text);
  const chain: KeyLink[] = [{ from: 0, key: firstKey }];
  let last = firstKey;
  for (const rotation of proof.rotations) {
    // That the fact is in the tree is believed once the key that it brings has led to the signature.
    const link = verifyRotation(claimed.origin, last, verifyFact(rotation, claimed));
    chain.push(link);
    last = link.key;
  }
  const checkpoint = verifyCheckpoint(proof.checkpoint, chain);
  const facts = proof.facts.map((shown) => unseal(verifyFact(shown, checkpoint), shown));
  if (proof.earlier === undefined) return { checkpoint, facts };
  const earlier = verifyCheckpoint(proof.earlier.checkpoint, chain);
  verifyConsistency(earlier, checkpoint, parsePath(proof.earlier.consistency));
  return { checkpoint, facts, earlier };
}

function verifyFact({ index, leaf, inclusion }: ProvenFact, tree: TreeHead): Fact {
  const bytes = Buffer.from(leaf);
  verifyInclusion(index, leafHash(bytes), tree, parsePath(inclusion));
  return parseLeaf(bytes, index);
}

function unseal(fact: Fact, { sealed }: ShownFact): Fact {
  if (sealed === undefined) return fact;
  const bodies = Object.entries(sealed).map(([name, { salt, body }]) => {
    if (commitmentTo(salt, canonicalJson(body)) !== fact.commitments?.[name]) {
      throw unproven(
        `the sealed body ${name} of fact ${fact.index} is another, expected the one committed to`,
      );
    }
    return [name, body] as const;
  });
  return { ...fact, sealed: Object.fromEntries(bodies) };
}

function parsePath(path: readonly string[]): readonly Uint8Array[] {
  return path.map((text) => {
    const hash = parseBase64(text);
    if (hash?.length !== 32) throw malformed("a hash of a path is not 32 bytes of base64");
    return hash;
  });
}

/** The shape of a proof; what it says is verified afterwards. Throws `ledger/malformed`. */
function parseLedgerProof(document: unknown): LedgerProof {
  try {
    const { apiVersion: version, kind, checkpoint, firstKey, ...lists } = Object(document);
    const { rotations, facts, earlier, ...others } = lists;
    const areFacts = (items: unknown) =>
      Array.isArray(items) && items.length <= LIMITS.facts && items.every(isShownFact);
    const isProof =
      version === apiVersion &&
      kind === "LedgerProof" &&
      Object.keys(others).length === 0 &&
      typeof checkpoint === "string" &&
      typeof firstKey === "string" &&
      areFacts(rotations) &&
      areFacts(facts) &&
      (earlier === undefined ||
        (hasOnly(earlier, ["checkpoint", "consistency"]) &&
          typeof earlier.checkpoint === "string" &&
          isPath(earlier.consistency)));
    if (!isProof) throw malformed("its members are others");
    return document as LedgerProof; // just checked
  } catch (thrown) {
    const error = toCasemateError(thrown);
    throw error.code === "internal" ? malformed("its members are others") : error;
  }
}

function isShownFact(fact: unknown): boolean {
  const { index, leaf, inclusion, sealed, ...others } = Object(fact);
  const isBody = (each: unknown) =>
    hasOnly(each, ["body", "salt"]) &&
    /^[0-9a-f]{64}$/.test(String(Object(each).salt)) &&
    Object(each).body !== undefined;
  return (
    Number.isSafeInteger(index) &&
    Object.keys(others).length === 0 &&
    typeof leaf === "string" &&
    isPath(inclusion) &&
    (sealed === undefined || Object.values(Object(sealed)).every(isBody))
  );
}

function hasOnly(object: unknown, members: readonly string[]): boolean {
  return Object.keys(Object(object)).every((name) => members.includes(name));
}

function isPath(path: unknown): boolean {
  return (
    Array.isArray(path) &&
    path.length <= LIMITS.path &&
    path.every((each) => typeof each === "string")
  );
}

/** The first key that a proof names, for whoever has nothing better to trust. Throws `ledger/malformed`. */
export function firstKeyOf(document: unknown): VerifierKey {
  return parseVerifierKey(parseLedgerProof(document).firstKey);
}

function malformed(seen: string): CasemateError {
  return new CasemateError(
    "ledger/malformed",
    `Cannot read a ledger proof: ${seen}, expected a document of the kind LedgerProof.`,
  );
}

function unproven(seen: string): CasemateError {
  return new CasemateError("ledger/unproven", `Cannot verify a ledger proof: ${seen}.`);
}
