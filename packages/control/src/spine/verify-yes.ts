import { CasemateError } from "@casemate/core";
import type { Principal } from "../accounts/principal.ts";
import type { Plan } from "./plan.ts";
import type { Approval, OperationRequest } from "./request.ts";

/** One person's yes to a plan. */
export interface Yes {
  readonly principal: Principal;
  readonly planHash: string;
  readonly signature: Approval["signature"];
}

/**
 * The plan that is agreed to, if it is by another person, their first time, and to the plan as it is.
 *
 * Throws `request/own`, `request/changed`.
 */
export function verifyYes(
  { id, requester, approvals, plan, planHash }: OperationRequest,
  yes: Yes,
): Plan {
  const { person } = yes.principal;
  const cannot = (why: string) => `Cannot approve request ${id}: ${why}.`;
  if (person === requester.person) {
    throw new CasemateError("request/own", cannot(`${person} made it, expected another person`));
  }
  if (approvals.some((each) => each.person === person)) {
    throw new CasemateError(
      "request/own",
      cannot(`${person} has approved it already, expected another person`),
    );
  }
  if (plan === undefined || yes.planHash !== planHash) {
    throw new CasemateError(
      "request/changed",
      cannot(`its plan is ${planHash.slice(0, 12)} now, expected ${yes.planHash.slice(0, 12)}`),
    );
  }
  return plan;
}
