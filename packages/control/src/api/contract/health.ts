import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

/** Whether this control plane can do its work now. Public: it names parts, never their details. */
export const Health = documentOf("Health", {
  status: Type.Union([Type.Literal("ok"), Type.Literal("failing")]),
  store: Type.Union([Type.Literal("ok"), Type.Literal("failing")]),
  hosts: Type.Union([Type.Literal("ok"), Type.Literal("starting"), Type.Literal("failing")], {
    description: "ok when libvirt answers on every host.",
  }),
});
export type Health = Static<typeof Health>;
