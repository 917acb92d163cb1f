import type { Plan } from "../spine/plan.ts";
import type { OperationRequest } from "../spine/request.ts";
import type { Running } from "../spine/request-runner.ts";
import { asDocument } from "./contract/document.ts";
import type { Request } from "./contract/request.ts";

/** The request as the API shows it: what decides about idempotence stays inside. */
export function describeRequest(request: OperationRequest, running: Running | undefined): Request {
  const { orderHash: _, plan, message, result, origin, ...fields } = request;
  return asDocument("Request", {
    ...fields,
    duties: [...fields.duties],
    approvals: fields.approvals.map((approval) => ({ ...approval, roles: [...approval.roles] })),
    policies: [...fields.policies],
    ...(plan === undefined
      ? {}
      : {
          plan: describePlan(plan),
        }),
    ...(origin === undefined ? {} : { origin }),
    ...(message === undefined ? {} : { message }),
    ...(result === undefined ? {} : { result }),
    ...(running === undefined ? {} : { progress: running }),
  });
}

/** The plan as the API shows it. */
export function describePlan(plan: Plan): NonNullable<Request["plan"]> {
  return {
    ...plan,
    steps: [...plan.steps],
    effects: [...plan.effects],
    irreversible: [...plan.irreversible],
  };
}
