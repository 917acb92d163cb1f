import type { DataClass } from "@casemate/inspect";
import {
  type Fact,
  type Ledger,
  type LedgerProof,
  LedgerReader,
  proveFacts,
} from "@casemate/ledger";
import type { Finding } from "../findings/finding.ts";

/** What a bundle's proof is to be of. */
export interface ProvenEvidence {
  /** The fact that seals it. */
  readonly sealed: Fact;
  readonly request: string;
  readonly findings: readonly Finding[];
  /** The classes of data of which sealed bodies may be shown. */
  readonly classes: readonly DataClass[];
}

/** Facts that are looked at at once. */
const CHUNK = 256;
/** HOSTILE: a guest can have a finding change as it likes; so many facts are proven, the newest. */
const MOST = 1_000;

/**
 * A proof of the fact that seals a bundle, of the request for it, and of the life of its findings, under a
 * checkpoint that is made now. What detectors told of a finding is shown where the bundle has that class of data.
 *
 * Throws `ledger/*`, `disk/full`, `data/not-writable`.
 */
export async function proveEvidence(
  ledger: Ledger,
  directory: string,
  evidence: ProvenEvidence,
): Promise<LedgerProof> {
  const { sealed, classes } = evidence;
  const facts = await findFacts(ledger, evidence);
  const shown = new Set(
    evidence.findings
      .filter(({ needs }) => needs.every((need) => classes.includes(need)))
      .map(({ id }) => id),
  );
  await ledger.checkpoint();
  const reader = await LedgerReader.open(directory);
  return await proveFacts(reader, [...facts.map(({ index }) => index), sealed.index], {
    sealed: facts
      .filter(({ kind, body }) => kind.startsWith("finding/") && shown.has(String(body["finding"])))
      .map(({ index }) => index),
  });
}

/** Those of the request and of the findings, oldest first: back to the first of them. */
async function findFacts(
  ledger: Ledger,
  { sealed, request, findings }: ProvenEvidence,
): Promise<readonly Fact[]> {
  const ids = new Set(findings.map(({ id }) => id));
  const oldest = Math.min(sealed.index, ...findings.map(({ openedBy }) => openedBy));
  const found: Fact[] = [];
  let isMade = false;
  for (let end = sealed.index; end > 0 && !(isMade && end <= oldest); end -= CHUNK) {
    const facts = await Array.fromAsync(ledger.walk(Math.max(0, end - CHUNK), end));
    const own = facts.filter(({ body }) => {
      const isOfRequest = body["request"] === request || body["response"] === request;
      return isOfRequest || ids.has(String(body["finding"]));
    });
    found.unshift(...own);
    isMade ||= own.some(({ kind, body }) => kind === "request/made" && body["request"] === request);
  }
  return found.slice(-MOST);
}
