import { type Static, Type } from "typebox";
import { apiVersion } from "./document.ts";

const ViewColumn = Type.Object(
  {
    key: Type.String({ description: "The field of the items that it shows." }),
    title: Type.String(),
    align: Type.Union([Type.Literal("left"), Type.Literal("right")]),
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
    columns: Type.Array(ViewColumn),
    items: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  },
  { additionalProperties: false, title: "View" },
);
export type View = Static<typeof View>;
