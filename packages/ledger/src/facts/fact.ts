import type { apiVersion, JsonObject, JsonValue } from "@casemate/core";

/** What is to be recorded. */
export interface FactDraft {
  /** What happened: `operation/intended`, `account/created`. */
  readonly kind: string;
  /** Who did it: `account:alice`, `token:…`, `system`, `unknown` for what was seen out of band. */
  readonly actor: string;
  /** What it happened to: `vm:UUID`, `host:ID`, `account:NAME`, `policy`, `ledger`. */
  readonly subject: string;
  /** What everybody who may see the ledger may see, for ever. */
  readonly body: JsonObject;
  /** What may have to be taken out again, by name: the ledger itself holds salted commitments only. */
  readonly sealed?: Readonly<Record<string, JsonValue>>;
}

/** What has been recorded. Its canonical JSON without `sealed` is a leaf of the ledger's tree. */
export interface Fact {
  readonly apiVersion: typeof apiVersion;
  /** Its place in the order of all facts, from 0 on. This is the order, not the time. */
  readonly index: number;
  /** ISO 8601, UTC, by the host's clock, which may have been wrong or set back. */
  readonly time: string;
  readonly kind: string;
  readonly actor: string;
  readonly subject: string;
  readonly body: JsonObject;
  /** SHA-256, in hexadecimal, of the salt and the canonical JSON of each sealed body. */
  readonly commitments?: Readonly<Record<string, string>>;
  /** The sealed bodies that have not been redacted. */
  readonly sealed?: Readonly<Record<string, JsonValue>>;
}
