import type { Fact } from "../facts/fact.ts";
import { parseLeaf } from "../facts/leaf.ts";
import { parseSealedBodies } from "../facts/sealed-body.ts";
import type { JournalRecord } from "./journal.ts";

/** The kind of the fact by which sealed bodies are taken out. */
export const REDACTED = "ledger/redacted";

/** A fact that is in the journal and not in the tiles yet. */
export interface PendingFact extends JournalRecord {
  readonly index: number;
  readonly kind: string;
}

/** The fact that a journal's record says, with its sealed bodies. Throws `ledger/damaged`. */
export function parseRecord({ leaf, sealed }: JournalRecord, index: number): Fact {
  const fact = parseLeaf(leaf, index);
  if (sealed === "") return fact;
  const bodies = parseSealedBodies(sealed, `the sealed bodies of fact ${index}`);
  return { ...fact, sealed: Object.fromEntries(bodies.map(({ name, body }) => [name, body])) };
}

/** What a fact of the kind `ledger/redacted` takes out. */
export interface Redaction {
  /** Of which fact. */
  readonly index: number;
  readonly names: readonly string[];
}

/** What a fact redacts; `undefined` for one of another kind. */
export function parseRedaction(fact: Fact): Redaction | undefined {
  const { index, names } = fact.body;
  if (fact.kind !== REDACTED || typeof index !== "number" || !Array.isArray(names))
    return undefined;
  return { index, names: names.map(String) };
}
