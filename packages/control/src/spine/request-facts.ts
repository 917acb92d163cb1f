import type { JsonObject } from "@casemate/core";
import type { FactDraft } from "@casemate/ledger";
import type { Duty } from "@casemate/policy";
import type { Plan, Target } from "./plan.ts";
import type { Approval, RequestOrigin } from "./request.ts";

/** What the policy said of a plan, as facts keep it. */
export interface RecordedDecision {
  readonly kind: "permitted" | "needs-approval" | "denied";
  readonly policies: readonly string[];
  readonly duties: readonly Duty[];
  readonly because: string | null;
}

/** How a request ended that was not executed. */
export type Closing = "rejected" | "cancelled" | "expired" | "failed";

/** How an execution ended: as `look` saw it. */
export type Outcome = "done" | "failed" | "undone" | "unknown" | "cancelled";

/** Plans, decisions and approvals are plain data, as their declarations show. */
function asJson(value: Plan | RecordedDecision | Omit<Approval, "at">): JsonObject {
  return value as unknown as JsonObject; // see above
}

/** An account as facts name it; Casemate's own parts have names that no account can have. */
export function actorOf(account: string): string {
  return account.startsWith("system:") ? account : `account:${account}`;
}

export function subjectOf(target: Target): string {
  switch (target.kind) {
    case "vm":
      return `vm:${target.uuid}`;
    case "host":
      return `host:${target.hostId}`;
    case "system":
      return "system";
  }
}

/** The facts of a request's life, each with what is sensitive in it as a sealed body. */
export const requestFacts = {
  made(made: {
    readonly request: string;
    readonly operation: string;
    readonly target: Target;
    readonly requester: { readonly account: string; readonly person: string };
    readonly orderHash: string;
    /** Undefined where it was denied before it was planned. */
    readonly plan: Plan | undefined;
    readonly decision: RecordedDecision;
    readonly breakGlass: string | null;
    readonly origin: RequestOrigin | undefined;
  }): FactDraft {
    const { request, operation, target, requester, orderHash, plan, decision } = made;
    const { breakGlass, origin } = made;
    return {
      kind: "request/made",
      actor: actorOf(requester.account),
      subject: subjectOf(target),
      body: {
        request,
        operation,
        target: { ...target },
        person: requester.person,
        orderHash,
        planHash: plan?.hash ?? "",
        decision: asJson(decision),
        breakGlass: breakGlass !== null,
        ...(origin === undefined ? {} : { origin: { ...origin } }),
      },
      sealed: {
        ...(plan === undefined ? {} : { plan: asJson(plan) }),
        ...(breakGlass === null ? {} : { reason: breakGlass }),
      },
    };
  },
  replanned(request: string, plan: Plan, decision: RecordedDecision): FactDraft {
    return {
      kind: "request/replanned",
      actor: "system",
      subject: subjectOf(plan.target),
      body: {
        request,
        planHash: plan.hash,
        decision: asJson(decision),
      },
      sealed: { plan: asJson(plan) },
    };
  },
  approved(
    request: string,
    target: Target,
    approval: Omit<Approval, "at">,
    decision: RecordedDecision,
  ): FactDraft {
    return {
      kind: "request/approved",
      actor: `account:${approval.account}`,
      subject: subjectOf(target),
      body: {
        request,
        approval: asJson(approval),
        decision: asJson(decision),
      },
    };
  },
  closed(
    request: string,
    target: Target,
    actor: string,
    closing: Closing,
    message: string,
  ): FactDraft {
    return {
      kind: "request/closed",
      actor,
      subject: subjectOf(target),
      body: { request, closing },
      sealed: { message },
    };
  },
  intended(request: string, plan: Plan, actor: string, policies: readonly string[]): FactDraft {
    const { operation, target, hash } = plan;
    return {
      kind: "operation/intended",
      actor,
      subject: subjectOf(target),
      body: { request, operation, planHash: hash, policies: [...policies] },
    };
  },
  ended(
    request: string,
    target: Target,
    end: {
      readonly outcome: Outcome;
      readonly seen: "at once" | "after a restart";
      readonly message?: string;
      readonly result?: JsonObject;
    },
  ): FactDraft {
    const { outcome, seen, message, result } = end;
    return {
      kind: "operation/ended",
      actor: "system",
      subject: subjectOf(target),
      body: { request, outcome, seen },
      sealed: {
        ...(message === undefined ? {} : { message }),
        ...(result === undefined ? {} : { result }),
      },
    };
  },
} as const;
