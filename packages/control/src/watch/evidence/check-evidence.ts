import { CasemateError, toCasemateError } from "@casemate/core";
import {
  type Fact,
  firstKeyOf,
  type Proven,
  type VerifierKey,
  verifyLedgerProof,
} from "@casemate/ledger";
import { bundleNames } from "./bundle-names.ts";
import { type Digest, formatSums } from "./digest.ts";
import { type EvidenceManifest, parseManifest } from "./manifest.ts";
import { type Bundle, readBundle } from "./read-bundle.ts";

/** The kind of the fact that seals a bundle. */
export const EVIDENCE_SEALED = "evidence/sealed";

/** One file of a bundle, held against what was sealed. */
export interface CheckedPart {
  readonly name: string;
  /** `unproven`: what it would be held against is itself not as it was sealed. */
  readonly state: "ok" | "changed" | "missing" | "added" | "unproven";
  readonly reason?: string;
}

/** By whom a bundle is sealed. */
export interface EvidenceSeal {
  readonly manifest: EvidenceManifest;
  readonly origin: string;
  /** The ledger's first key, as a vkey. */
  readonly key: string;
  /** How many facts the checkpoint covers that proves it. */
  readonly size: number;
  /** The fact that has the manifest's hash. */
  readonly fact: Fact;
  /** The other facts that are proven: of the request, and of the findings. */
  readonly facts: readonly Fact[];
}

/** What came of holding a bundle against its seal. */
export interface EvidenceCheck {
  /** `inconclusive`: nothing is wrong with it, and not all could be checked. */
  readonly verdict: "sealed" | "not-sealed" | "inconclusive";
  readonly parts: readonly CheckedPart[];
  /** Undefined where it is not sealed. */
  readonly seal: EvidenceSeal | undefined;
  /** How many facts there were at the later time that it was held against. */
  readonly later: number | undefined;
  /** What could not be checked, a sentence each. */
  readonly unchecked: readonly string[];
}

/** What is known of the ledger from elsewhere. */
export interface KnownLedger {
  /** Its first key. */
  readonly key?: VerifierKey | undefined;
  /** The text of one of its checkpoints, or of a proof by `casemate ledger prove --since`. */
  readonly checkpoint?: string | undefined;
}

/**
 * Holds the bundle in the file `path` against its seal, with nothing but what is given: no server, no ledger.
 *
 * HOSTILE: whoever shows the bundle made it. Throws `evidence/malformed`, `evidence/unreadable`; and
 * `ledger/*` where the checkpoint that is known is none, or is of another history.
 */
export async function checkEvidence(
  path: string,
  known: KnownLedger,
  signal?: AbortSignal,
): Promise<EvidenceCheck> {
  const bundle = await readBundle(path, signal);
  const unchecked: string[] = [];
  const proof = checkProof(bundle, known.key);
  const sealed = proof.proven === undefined ? undefined : findSeal(bundle, proof.proven);
  const seal = sealed === undefined ? undefined : describeSeal(sealed, proof);
  const parts = [
    manifestPart(bundle, proof.proven, sealed),
    ...fileParts(bundle, sealed?.manifest),
    proof.part,
    checkpointPart(bundle, proof),
    sumsPart(bundle),
  ];
  let later: number | undefined;
  let isKnown = known.key !== undefined;
  if (proof.proven !== undefined && known.checkpoint !== undefined) {
    const tie = tieTo(known.checkpoint, proof.proven, proof.key);
    if (typeof tie === "string") unchecked.push(tie);
    else {
      later = tie.size;
      isKnown ||= tie.isSame;
    }
  }
  if (!isKnown) {
    unchecked.push("Who sealed it: no key of the ledger was given, nor the checkpoint itself.");
  }
  const isSealed = parts.every(({ state }) => state === "ok");
  return {
    verdict: isSealed ? (unchecked.length === 0 ? "sealed" : "inconclusive") : "not-sealed",
    ...{ parts, seal, later, unchecked },
  };
}

interface CheckedProof {
  readonly part: CheckedPart;
  readonly proven?: Proven;
  readonly key?: VerifierKey;
}

/** What the ledger's proof proves, by the trusted key or by the one that it names itself. */
function checkProof({ seals }: Bundle, trusted: VerifierKey | undefined): CheckedProof {
  const name = bundleNames.proof;
  const bytes = seals.get(name);
  if (bytes === undefined) return { part: { name, state: "missing" } };
  try {
    const document = parseJson(bytes);
    const key = trusted ?? firstKeyOf(document);
    return { part: { name, state: "ok" }, proven: verifyLedgerProof(document, key), key };
  } catch (thrown) {
    return { part: { name, state: "changed", reason: toCasemateError(thrown).message } };
  }
}

interface Sealed {
  readonly manifest: EvidenceManifest;
  readonly fact: Fact;
}

/** The manifest, if the proof has the fact with its very hash. */
function findSeal({ digests, seals }: Bundle, { facts }: Proven): Sealed | undefined {
  const bytes = seals.get(bundleNames.manifest);
  const digest = digests.find(({ name }) => name === bundleNames.manifest);
  const fact = facts.find(
    ({ kind, body }) => kind === EVIDENCE_SEALED && body["manifest"] === digest?.sha256,
  );
  if (bytes === undefined || fact === undefined) return undefined;
  return { manifest: parseManifest(bytes), fact };
}

function describeSeal({ manifest, fact }: Sealed, { proven, key }: CheckedProof): EvidenceSeal {
  const { origin = "", size = 0 } = proven?.checkpoint ?? {};
  const facts = (proven?.facts ?? []).filter(({ index }) => index !== fact.index);
  return { manifest, origin, key: key?.text ?? "", size, fact, facts };
}

function manifestPart(
  { digests }: Bundle,
  proven: Proven | undefined,
  sealed: Sealed | undefined,
): CheckedPart {
  const name = bundleNames.manifest;
  if (digests.every((each) => each.name !== name)) return { name, state: "missing" };
  if (sealed !== undefined) return { name, state: "ok" };
  if (proven === undefined) return { name, state: "unproven", reason: "The proof proves nothing." };
  const reason = "Its hash is none that the ledger has, by the proof.";
  return { name, state: "changed", reason };
}

/** Everything but what seals it, held against the manifest. */
function fileParts({ digests }: Bundle, manifest: EvidenceManifest | undefined): CheckedPart[] {
  const own: readonly string[] = Object.values(bundleNames);
  const present = digests.filter(({ name }) => !own.includes(name));
  if (manifest === undefined) return present.map(({ name }) => ({ name, state: "unproven" }));
  const left = new Map(present.map((each) => [each.name, each]));
  const parts = manifest.files.map((file): CheckedPart => {
    const found = left.get(file.name);
    left.delete(file.name);
    return found === undefined ? { name: file.name, state: "missing" } : compare(file, found);
  });
  return [...parts, ...[...left.keys()].map((name): CheckedPart => ({ name, state: "added" }))];
}

function compare(sealed: Digest, { name, size, sha256 }: Digest): CheckedPart {
  if (sealed.sha256 === sha256 && sealed.size === size) return { name, state: "ok" };
  const reason =
    sealed.size === size
      ? `Its SHA-256 is ${sha256}, sealed was ${sealed.sha256}.`
      : `It has ${size} bytes, sealed were ${sealed.size}.`;
  return { name, state: "changed", reason };
}

/** The checkpoint by itself, for other people's verifiers, is that of the proof. */
function checkpointPart({ seals }: Bundle, { proven }: CheckedProof): CheckedPart {
  const name = bundleNames.checkpoint;
  const bytes = seals.get(name);
  if (bytes === undefined) return { name, state: "missing" };
  if (proven === undefined) return { name, state: "unproven" };
  if (Buffer.from(proven.checkpoint.note).equals(bytes)) return { name, state: "ok" };
  return { name, state: "changed", reason: "It is another than that of the proof." };
}

/** The digests for `sha256sum` are those of what is there. */
function sumsPart({ digests, seals }: Bundle): CheckedPart {
  const name = bundleNames.sums;
  const bytes = seals.get(name);
  if (bytes === undefined) return { name, state: "missing" };
  const sums = formatSums(digests.filter((each) => each.name !== name));
  if (Buffer.from(sums).equals(bytes)) return { name, state: "ok" };
  return { name, state: "changed", reason: "It has other digests than those of what is there." };
}

/**
 * How many facts there were at the time of a checkpoint that is known from elsewhere, and whether it is the
 * bundle's own; as a sentence where it cannot be tied to it.
 *
 * Throws `ledger/inconsistent` for another history, `ledger/malformed`, `ledger/unproven`.
 */
function tieTo(
  text: string,
  { checkpoint }: Proven,
  key: VerifierKey | undefined,
): { readonly size: number; readonly isSame: boolean } | string {
  const { origin, size, root } = checkpoint;
  if (text.trimStart().startsWith("{") && key !== undefined) {
    const newer = verifyLedgerProof(parseJson(Buffer.from(text)), key);
    const { earlier } = newer;
    if (earlier?.size === size && Buffer.compare(earlier.root, root) === 0) {
      return { size: newer.checkpoint.size, isSame: false };
    }
    return `The later checkpoint: its proof goes back to ${earlier?.size ?? "nothing"}, not to the ${size} facts of the bundle's own. \`casemate ledger prove --since\` takes ${bundleNames.checkpoint}.`;
  }
  const [name, count, hash = ""] = text.split("\n");
  if (name !== origin || count !== String(size)) {
    return `The checkpoint of ${JSON.stringify(name)} with ${JSON.stringify(count)} facts: the bundle's is of ${origin} with ${size}. \`casemate ledger prove --since\` with ${bundleNames.checkpoint} ties them.`;
  }
  if (Buffer.compare(Buffer.from(hash, "base64"), root) === 0) return { size, isSame: true };
  throw new CasemateError(
    "ledger/inconsistent",
    `Cannot hold the bundle against the checkpoint: both are of the ${size} facts of ${origin}, expected the same root hash.`,
  );
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CasemateError(
      "ledger/malformed",
      "Cannot read a ledger proof: it is not JSON, expected a document of the kind LedgerProof.",
      { cause },
    );
  }
}
