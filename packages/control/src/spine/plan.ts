import { createHash } from "node:crypto";
import { apiVersion, type JsonObject, type JsonValue } from "@casemate/core";
import { canonicalJson } from "@casemate/ledger";

/** What an operation would touch, and how. */
export interface Effect {
  readonly kind:
    | "vm"
    | "disk"
    | "account"
    | "policy"
    | "fact"
    | "snapshot"
    | "network"
    | "file"
    | "console"
    | "memory";
  /** A UUID, a path, a name: what it is known by at its host. */
  readonly id: string;
  readonly change: "created" | "changed" | "removed" | "interrupted" | "read";
}

/** What one operation predicts for one state of the world. */
export interface PlanDraft<Details extends JsonObject = JsonObject> {
  /** What would be done, in order, each as one sentence. */
  readonly steps: readonly string[];
  readonly effects: readonly Effect[];
  /** What could not be taken back afterwards, each as one sentence. */
  readonly irreversible: readonly string[];
  /** Whether a state of the VM that exists now would be gone. */
  readonly destroysState: boolean;
  /** Whether a guest that runs would stop doing its work, if only for a moment. */
  readonly downtime: boolean;
  /** Room that it takes on the host's disks, in bytes. */
  readonly diskBytes: number;
  /**
   * What execution goes by, and what of the world the prediction stands on: where that differs, the plan is
   * another. Free space, times and load do not belong here: they change by themselves.
   */
  readonly details: Details;
}

/** What an operation is about: a VM that is there, a host where one is to be, or Casemate itself. */
export type Target =
  | {
      readonly kind: "vm";
      readonly uuid: string;
      readonly name: string;
      readonly hostId: string;
    }
  | { readonly kind: "host"; readonly hostId: string }
  | { readonly kind: "system" };

/** A prediction with all it was made from. Its hash is what an approval signs. */
export interface Plan<Details extends JsonObject = JsonObject> extends PlanDraft<Details> {
  readonly operation: string;
  readonly target: Target;
  readonly parameters: JsonObject;
  /** SHA-256 of everything else here as canonical JSON (RFC 8785), in hexadecimal. */
  readonly hash: string;
}

/** The draft in its canonical form. The same operation on the same world has the same hash. */
export function sealPlan<Details extends JsonObject>(
  operation: string,
  target: Target,
  parameters: JsonObject,
  draft: PlanDraft<Details>,
): Plan<Details> {
  const content = { ...draft, operation, target, parameters };
  const hash = hashOf({ apiVersion, kind: "Plan", ...(content as unknown as JsonObject) }); // plain data
  return { ...content, hash };
}

/** SHA-256 of the value as canonical JSON (RFC 8785), in hexadecimal. */
export function hashOf(value: JsonValue): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
