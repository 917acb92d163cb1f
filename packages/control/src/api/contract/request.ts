import { type Static, Type } from "typebox";
import { requestStates } from "../../spine/request.ts";
import { documentOf } from "./document.ts";

const closed = { additionalProperties: false } as const;

const Target = Type.Union([
  Type.Object(
    {
      kind: Type.Literal("vm"),
      uuid: Type.String(),
      name: Type.String(),
      hostId: Type.String(),
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal("host"), hostId: Type.String() }, closed),
  Type.Object({ kind: Type.Literal("system") }, closed),
]);

const Effect = Type.Object(
  { kind: Type.String(), id: Type.String(), change: Type.String() },
  closed,
);

const planFields = {
  operation: Type.String({ description: "As vm.start." }),
  target: Target,
  parameters: Type.Record(Type.String(), Type.Unknown()),
  steps: Type.Array(Type.String(), { description: "What would be done, in order." }),
  effects: Type.Array(Effect),
  irreversible: Type.Array(Type.String(), { description: "What could not be taken back." }),
  destroysState: Type.Boolean(),
  downtime: Type.Boolean(),
  diskBytes: Type.Number({ minimum: 0, description: "Room it takes on disks, in bytes." }),
  details: Type.Record(Type.String(), Type.Unknown()),
  hash: Type.String({
    description: "SHA-256 of the plan's canonical form: what an approval signs.",
  }),
};

const PlanValue = Type.Object(planFields, closed);

const Duty = Type.Object(
  {
    kind: Type.Literal("approval"),
    policy: Type.String(),
    by: Type.String({ description: "The role that can give it." }),
    count: Type.Integer({ minimum: 1 }),
    expiresAfter: Type.Number({ description: "How long it holds, in milliseconds." }),
    reason: Type.String(),
  },
  closed,
);

const Approval = Type.Object(
  {
    account: Type.String(),
    person: Type.String(),
    roles: Type.Array(Type.String()),
    planHash: Type.String(),
    at: Type.String({ format: "date-time" }),
    expiresAt: Type.String({ format: "date-time" }),
    signature: Type.Union([
      Type.Null(),
      Type.Object({ publicKey: Type.String(), value: Type.String() }, closed),
    ]),
  },
  closed,
);

const requestFields = {
  id: Type.String({ format: "uuid" }),
  operation: Type.String(),
  target: Target,
  requester: Type.Object({ account: Type.String(), person: Type.String() }, closed),
  state: Type.Enum(requestStates),
  madeAt: Type.String({ format: "date-time" }),
  changedAt: Type.String({ format: "date-time" }),
  plan: Type.Optional(PlanValue),
  planHash: Type.String(),
  duties: Type.Array(Duty, { description: "What still stands between it and its execution." }),
  approvals: Type.Array(Approval),
  policies: Type.Array(Type.String(), { description: "The policies that decided last." }),
  message: Type.Optional(Type.String()),
  result: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  breakGlass: Type.Boolean(),
  origin: Type.Optional(
    Type.Object(
      { rule: Type.String(), finding: Type.String(), asks: Type.Integer() },
      { ...closed, description: "The rule that asked for it, not a person." },
    ),
  ),
  progress: Type.Optional(
    Type.Object(
      { fraction: Type.Number({ minimum: 0, maximum: 1 }), doing: Type.String() },
      closed,
    ),
  ),
};

/** Something that somebody asked for, with how far it is. */
export const Request = documentOf("Request", requestFields);
export type Request = Static<typeof Request>;

export const RequestList = documentOf("RequestList", {
  items: Type.Array(Type.Object(requestFields, closed)),
});
export type RequestList = Static<typeof RequestList>;

/** What an operation would do, and what the policy says of that. */
export const PlanPreview = documentOf("PlanPreview", {
  plan: PlanValue,
  decision: Type.Object(
    {
      kind: Type.Union([
        Type.Literal("permitted"),
        Type.Literal("needs-approval"),
        Type.Literal("denied"),
      ]),
      policies: Type.Array(Type.String()),
      duties: Type.Array(Duty),
      because: Type.Union([Type.Null(), Type.String()]),
    },
    closed,
  ),
});
export type PlanPreview = Static<typeof PlanPreview>;

/** What is asked for. */
export const OrderBody = Type.Object(
  {
    requestId: Type.String({
      format: "uuid",
      description: "Chosen by the caller: the same one again is the same request.",
    }),
    parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    dryRun: Type.Optional(Type.Boolean({ description: "Only say what it would do." })),
    breakGlass: Type.Optional(
      Type.Object(
        {
          code: Type.String({ minLength: 1, maxLength: 256 }),
          reason: Type.String({ minLength: 10, maxLength: 2_000 }),
        },
        closed,
      ),
    ),
  },
  closed,
);
