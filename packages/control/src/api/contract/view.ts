import { apiVersion } from "@casemate/core";
import { type Static, Type } from "typebox";

/** How long a look may take unless it is told, in milliseconds. */
export const defaultBudgetMs = 2_000;

const ViewColumn = Type.Object(
  {
    key: Type.String({ description: "The field of the items that it shows." }),
    title: Type.String(),
    align: Type.Union([Type.Literal("left"), Type.Literal("right")]),
  },
  { additionalProperties: false },
);

/** Which view of which VM. */
export const ViewParams = Type.Object({
  vm: Type.String({ minLength: 1, maxLength: 255 }),
  view: Type.String({ pattern: "^[a-z][a-z-]{0,31}$" }),
});

/** What a look may be told. */
export const ViewQuery = Type.Object({
  argument: Type.Optional(
    Type.String({
      maxLength: 4_096,
      description: "What some views are told besides: the PID or the path to look at.",
    }),
  ),
  request: Type.Optional(
    Type.String({
      format: "uuid",
      description: "A request for this very look that has been approved.",
    }),
  ),
  budget: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 60_000,
      description: `Time the look may take, in milliseconds (default ${defaultBudgetMs}).`,
    }),
  ),
});

const Paused = Type.Object(
  {
    microseconds: Type.Integer({
      minimum: 0,
      description: "How long Casemate made the VM stand still, at most.",
    }),
    outcome: Type.Union(
      [
        Type.Literal("frozen"),
        Type.Literal("already-paused"),
        Type.Literal("limit-reached"),
        Type.Literal("ended-early"),
      ],
      {
        description:
          "Whether it stood still for the whole look (frozen, or already-paused by somebody else) or ran again before its end.",
      },
    ),
  },
  { additionalProperties: false },
);

const Damage = Type.Object(
  {
    object: Type.String({ description: "A structure of the guest's kernel, with its address." }),
    reason: Type.String(),
  },
  { additionalProperties: false },
);

/**
 * A typed table read out of a guest's memory from outside.
 *
 * HOSTILE: the guest controls every value of every item.
 */
export const View = Type.Object(
  {
    apiVersion: Type.Literal(apiVersion),
    kind: Type.String({ description: "The view's own kind, as ProcessList." }),
    view: Type.String({ description: "The view's name, as processes." }),
    subject: Type.String({ description: "The VM that was looked into." }),
    takenAt: Type.String({ format: "date-time" }),
    elapsedMs: Type.Number({ minimum: 0, description: "How long the look took, in milliseconds." }),
    consistency: Type.Union(
      [Type.Literal("consistent"), Type.Literal("retried"), Type.Literal("torn")],
      { description: "Whether the items are of one moment; torn ones may contradict each other." },
    ),
    damaged: Type.Array(Damage, {
      description:
        "What is missing among the items because it could not be read; where there is any, the items prove nothing clean.",
    }),
    paused: Type.Optional(Paused),
    columns: Type.Array(ViewColumn),
    items: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  },
  { additionalProperties: false, title: "View" },
);
export type View = Static<typeof View>;
