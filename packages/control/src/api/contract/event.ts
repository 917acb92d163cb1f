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
  ]),
  what: Type.String({
    description:
      "libvirt's word: started, stopped, paused; or connected, lost; or an operation and its request's state; or break-glass.",
  }),
  vm: Type.Optional(
    Type.Object({ uuid: Type.String(), name: Type.String() }, { additionalProperties: false }),
  ),
  detail: Type.Optional(Type.String()),
  request: Type.Optional(Type.String({ description: "The request that it is about." })),
});
export type Event = Static<typeof Event>;
