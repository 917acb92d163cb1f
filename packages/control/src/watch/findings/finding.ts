import type { DataClass, Evidence, Severity, TechniqueId } from "@casemate/inspect";
import type { VmResource } from "../../spine/gate.ts";
import { hashOf } from "../../spine/plan.ts";

/**
 * Where a finding is in its life.
 *
 *     open ──► acknowledged ──► open again, when that expires
 *       └───────────┴─────────► closed ──► open again, when the same thing is seen again
 */
export const findingStates = ["open", "acknowledged", "closed"] as const;
export type FindingState = (typeof findingStates)[number];

/** What a detector told of it, as it was told last. HOSTILE: the guest has its word in every text. */
export interface FindingDetails {
  readonly key: string;
  readonly title: string;
  /** As the detector says, whatever rules make of it. */
  readonly severity: Severity;
  readonly because: string;
  readonly remediation: string;
  readonly evidence: readonly Evidence[];
}

/** A fact about a VM that a sound one does not have; the same one as long as it is there. */
export interface Finding {
  readonly id: string;
  /** The VM as policies saw it when this was told last. */
  readonly vm: VmResource;
  readonly detector: string;
  /** The classes of data that it was found in. */
  readonly needs: readonly DataClass[];
  readonly severity: Severity;
  /** Who says how bad it is: `detector`, or `rule NAME`. */
  readonly severityBy: string;
  /** Why a rule says so. */
  readonly because: string | undefined;
  readonly techniques: readonly TechniqueId[];
  /** Undefined where it was redacted from the ledger. */
  readonly details: FindingDetails | undefined;
  readonly state: FindingState;
  /** ISO 8601. */
  readonly firstSeen: string;
  /** To within some minutes while it is there. */
  readonly lastSeen: string;
  readonly changedAt: string;
  /** When it was last seen again after it had been closed. */
  readonly reopenedAt: string | undefined;
  readonly acknowledged: { readonly by: string; readonly until: string } | undefined;
  readonly closed:
    | { readonly by: string; readonly because: "not seen any more" | "dealt with" }
    | undefined;
  /** Why it was acknowledged or closed by hand, in that person's words. */
  readonly note: string | undefined;
  /** The fact that it was last raised or opened again by: what answers it answers that. */
  readonly openedBy: number;
}

/** The same for the same thing in every sweep: 128 bits of SHA-256, hexadecimal. */
export function findingId(vm: string, detector: string, key: string): string {
  return hashOf([vm, detector, key.toWellFormed()]).slice(0, 32);
}
