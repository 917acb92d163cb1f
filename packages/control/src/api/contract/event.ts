import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

/** Something that happened at a host, to a request, or that somebody must see now: one server-sent event each. */
export const Event = documentOf("Event", {
  at: Type.String({ format: "date-time" }),
  hostId: Type.Optional(Type.String()),
  type: Type.Union([
    Type.Literal("vm"),
    Type.Literal("connection"),
    Type.Literal("request"),
    Type.Literal("alarm"),
    Type.Literal("finding"),
  ]),
  what: Type.String({
    description:
      "libvirt's word: started, stopped, paused; or connected, lost; or an operation and its request's state; or break-glass, or watch for what it could not do; or what became of a finding: raised, changed, acknowledged, closed, reopened.",
  }),
  vm: Type.Optional(
    Type.Object({ uuid: Type.String(), name: Type.String() }, { additionalProperties: false }),
  ),
  detail: Type.Optional(Type.String()),
  finding: Type.Optional(Type.String({ description: "The finding that it is about." })),
  request: Type.Optional(Type.String({ description: "The request that it is about." })),
});
export type Event = Static<typeof Event>;
