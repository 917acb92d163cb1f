import type { JsonObject } from "@casemate/core";
import type { Duty, Role } from "@casemate/policy";
import type { Plan, Target } from "./plan.ts";

/**
 * Where a request is on its way.
 *
 *     denied
 *     awaiting-approval ──► approved ──► running ──► done | failed | undone | unknown
 *            │  └─► rejected    │
 *            └──────────────────┴──► cancelled | expired | failed
 *
 * A request that needs no approval is `approved` from the start.
 */
export const requestStates = [
  "denied",
  "awaiting-approval",
  "approved",
  "running",
  "done",
  "failed",
  "undone",
  "unknown",
  "rejected",
  "cancelled",
  "expired",
] as const;
export type RequestState = (typeof requestStates)[number];

/** The states that a request leaves again. */
const open: readonly RequestState[] = ["awaiting-approval", "approved", "running"];

export function isOpen(state: RequestState): boolean {
  return open.includes(state);
}

/** One person's yes to one plan. */
export interface Approval {
  /** The account that gave it, and whose that is. */
  readonly account: string;
  readonly person: string;
  /** Roles that the approver had. */
  readonly roles: readonly Role[];
  readonly planHash: string;
  /** ISO 8601. */
  readonly at: string;
  readonly expiresAt: string;
  /** The approver's verifier key and Ed25519 signature over `approvalText`, in base64; null where the session alone vouches. */
  readonly signature: { readonly publicKey: string; readonly value: string } | null;
}

/** The rule that asks for something, and the finding that it answers. */
export interface RequestOrigin {
  readonly rule: string;
  readonly finding: string;
  /** How many security officers it asks first. */
  readonly asks: number;
}

/** What the policy is told of where a request comes from. */
export function sourceOf(
  origin: RequestOrigin | undefined,
): { readonly source: "response"; readonly asks: number } | Record<never, never> {
  return origin === undefined ? {} : { source: "response", asks: origin.asks };
}

/** Something that somebody asked for. */
export interface OperationRequest {
  /** A UUID that the requester chose: the same one again is the same request. */
  readonly id: string;
  readonly operation: string;
  readonly target: Target;
  readonly requester: { readonly account: string; readonly person: string };
  readonly state: RequestState;
  readonly madeAt: string;
  readonly changedAt: string;
  /** Undefined where it was redacted from the ledger. */
  readonly plan: Plan | undefined;
  /** Empty where it was denied before it was planned. */
  readonly planHash: string;
  /** SHA-256 of what was asked for. */
  readonly orderHash: string;
  /** What still stands between the request and its execution. */
  readonly duties: readonly Duty[];
  readonly approvals: readonly Approval[];
  /** The policies that decided last. */
  readonly policies: readonly string[];
  /** Why it is denied, rejected, failed or unknown; one sentence. */
  readonly message: string | undefined;
  readonly result: JsonObject | undefined;
  readonly breakGlass: boolean;
  /** The rule that asked for it; undefined where a person did. */
  readonly origin: RequestOrigin | undefined;
}

/** The approvals that are for this very plan and have not expired. */
export function validApprovals(request: OperationRequest, planHash: string): readonly Approval[] {
  const now = new Date().toISOString();
  return request.approvals.filter((each) => each.planHash === planHash && each.expiresAt > now);
}
