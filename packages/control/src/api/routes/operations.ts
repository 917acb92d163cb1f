import { type Static, Type } from "typebox";
import type { Services } from "../../services.ts";
import type { Order } from "../../spine/spine.ts";
import { asDocument } from "../contract/document.ts";
import { OrderBody, PlanPreview, Request } from "../contract/request.ts";
import { describePlan, describeRequest } from "../describe-request.ts";
import { findVm } from "../find-vm.ts";
import { type Call, defineRoute } from "../route.ts";

const answer = Type.Union([Request, PlanPreview]);
const Operation = Type.String({ pattern: "^[a-z]+(\\.[a-z]+)+$", maxLength: 64 });

/** 202 for what goes on or waits, 200 for what is over or was only asked about. */
const statuses = [200, 202];

function statusOf(document: { readonly kind: string; readonly state?: string }): number {
  return ["approved", "running", "awaiting-approval"].includes(document.state ?? "") ? 202 : 200;
}

/** An operation on a VM that is there. */
export const vmOperation = defineRoute({
  method: "POST",
  path: "/api/v1/vms/:vm/operations/:operation",
  summary: "Ask for an operation on a VM, or with `dryRun` for its plan",
  access: "spine",
  params: Type.Object({
    vm: Type.String({ minLength: 1, maxLength: 255 }),
    operation: Operation,
  }),
  body: OrderBody,
  answer,
  statuses,
  statusOf,
  async handle(call, services) {
    const { target } = await findVm(services, call.params.vm, call.signal);
    return await order(call, { operation: call.params.operation, target }, services);
  },
});

/** An operation that makes a VM on a host. */
export const hostOperation = defineRoute({
  method: "POST",
  path: "/api/v1/hosts/:host/operations/:operation",
  summary: "Ask for an operation on a host, or with `dryRun` for its plan",
  access: "spine",
  params: Type.Object({
    host: Type.String({ minLength: 1, maxLength: 64 }),
    operation: Operation,
  }),
  body: OrderBody,
  answer,
  statuses,
  statusOf,
  async handle(call, services) {
    const { host: hostId, operation } = call.params;
    return await order(call, { operation, target: { kind: "host", hostId } }, services);
  },
});

/** An operation on Casemate itself: its policies, its ledger. */
export const systemOperation = defineRoute({
  method: "POST",
  path: "/api/v1/operations/:operation",
  summary: "Ask for an operation on Casemate itself, or with `dryRun` for its plan",
  access: "spine",
  params: Type.Object({ operation: Operation }),
  body: OrderBody,
  answer,
  statuses,
  statusOf,
  async handle(call, services) {
    const { operation } = call.params;
    return await order(call, { operation, target: { kind: "system" } }, services);
  },
});

async function order(
  { body, principal, signal }: Call<unknown, unknown, Static<typeof OrderBody>>,
  what: Pick<Order, "operation" | "target">,
  services: Services,
): Promise<Static<typeof answer>> {
  const { requestId, parameters = {}, dryRun = false, breakGlass } = body;
  const base = { ...what, id: requestId, parameters, principal };
  if (dryRun) {
    const { plan, decision } = await services.spine.preview(base, signal);
    return asDocument("PlanPreview", {
      plan: describePlan(plan),
      decision: {
        ...decision,
        policies: [...decision.policies],
        duties: [...decision.duties],
      },
    });
  }
  const reason =
    breakGlass === undefined
      ? {}
      : { breakGlass: await services.breakGlass.use({ ...breakGlass, principal, requestId }) };
  const request = await services.spine.submit({ ...base, ...reason }, signal);
  return describeRequest(request, services.spine.running(request.id));
}
