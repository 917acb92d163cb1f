import { Type } from "typebox";
import { requestStates } from "../../spine/request.ts";
import { asDocument } from "../contract/document.ts";
import { Request, RequestList } from "../contract/request.ts";
import { describeRequest } from "../describe-request.ts";
import { defineRoute } from "../route.ts";

const Params = Type.Object({ request: Type.String({ format: "uuid" }) });

export const requests = defineRoute({
  path: "/api/v1/requests",
  summary: "What was asked for, the newest first",
  access: { action: "request.read" },
  query: Type.Object({
    state: Type.Optional(Type.Enum(requestStates)),
    vm: Type.Optional(Type.String({ format: "uuid" })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    looks: Type.Optional(Type.Boolean({ description: "Looks into VMs too." })),
  }),
  answer: RequestList,
  async handle({ query: { state, vm, limit = 100, looks = false } }, services) {
    const found = await services.requests.list({
      ...(state === undefined ? {} : { states: [state] }),
      ...(vm === undefined ? {} : { vm }),
      limit,
      looks,
    });
    return asDocument("RequestList", {
      items: found.map((request) => {
        const {
          apiVersion: _,
          kind: __,
          ...item
        } = describeRequest(request, services.spine.running(request.id));
        return item;
      }),
    });
  },
});

/** How long a call may wait for a request's end, in seconds. */
const MOST_WAIT = 60;

export const request = defineRoute({
  path: "/api/v1/requests/:request",
  summary: "One request, at once or when it does not run any more",
  access: { action: "request.read" },
  params: Params,
  query: Type.Object({
    wait: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MOST_WAIT,
        description: "Answer when it has ended, or after so many seconds.",
      }),
    ),
  }),
  answer: Request,
  async handle({ params, query: { wait = 0 }, signal }, { spine }) {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(wait * 1_000)]);
    const found = await spine.settled(params.request, patience);
    return describeRequest(found, spine.running(found.id));
  },
});

export const approveRequest = defineRoute({
  method: "POST",
  path: "/api/v1/requests/:request/approve",
  summary: "Say yes to the plan with this hash",
  access: "spine",
  params: Params,
  body: Type.Object(
    {
      planHash: Type.String({ pattern: "^[0-9a-f]{64}$" }),
      signature: Type.Optional(
        Type.Object(
          {
            publicKey: Type.String({ maxLength: 64 }),
            value: Type.String({ maxLength: 128 }),
          },
          { additionalProperties: false },
        ),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Request,
  async handle({ params, body, principal, signal }, { spine, approvalKeys }) {
    const { planHash, signature } = body;
    const verified = await approvalKeys.verify(principal, params.request, planHash, signature);
    const approved = await spine.approve(
      params.request,
      { principal, planHash, signature: verified },
      signal,
    );
    return describeRequest(approved, spine.running(approved.id));
  },
});

export const rejectRequest = defineRoute({
  method: "POST",
  path: "/api/v1/requests/:request/reject",
  summary: "Say no to a request that awaits approval",
  access: "spine",
  params: Params,
  body: Type.Object(
    { reason: Type.String({ minLength: 1, maxLength: 2_000 }) },
    { additionalProperties: false },
  ),
  answer: Request,
  async handle({ params, body, principal }, { spine }) {
    return describeRequest(await spine.reject(params.request, principal, body.reason), undefined);
  },
});

export const cancelRequest = defineRoute({
  method: "POST",
  path: "/api/v1/requests/:request/cancel",
  summary: "Withdraw a request, or ask one that runs to stop",
  access: "spine",
  params: Params,
  answer: Request,
  async handle({ params, principal }, { spine }) {
    return describeRequest(await spine.cancel(params.request, principal), undefined);
  },
});
