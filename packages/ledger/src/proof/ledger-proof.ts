import type { apiVersion, JsonValue } from "@casemate/core";

/** A fact, and that it is in the tree. */
export interface ProvenFact {
  readonly index: number;
  /** The fact as it is hashed: canonical JSON. */
  readonly leaf: string;
  /** The audit path (RFC 6962, 2.1.1), each hash in base64. */
  readonly inclusion: readonly string[];
}

/** A fact with sealed bodies that whoever made the proof chose to show. */
export interface ShownFact extends ProvenFact {
  readonly sealed?: Readonly<Record<string, { readonly salt: string; readonly body: JsonValue }>>;
}

/** Facts with everything that proves them to somebody who knows the ledger's first key, and nothing else of it. */
export interface LedgerProof {
  readonly apiVersion: typeof apiVersion;
  readonly kind: "LedgerProof";
  /** The signed note of the tree that everything here is in. */
  readonly checkpoint: string;
  /** The ledger's first key, as a vkey. To be compared with the one that is trusted. */
  readonly firstKey: string;
  /** The facts that brought the keys since, in order. */
  readonly rotations: readonly ProvenFact[];
  readonly facts: readonly ShownFact[];
  /** An earlier checkpoint, and that its tree is the beginning of this one (RFC 6962, 2.1.2). */
  readonly earlier?: { readonly checkpoint: string; readonly consistency: readonly string[] };
}
