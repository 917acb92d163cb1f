import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

/** What a VM is doing, in libvirt's words (virDomainState). */
export const VmState = Type.Union([
  Type.Literal("running"),
  Type.Literal("blocked"),
  Type.Literal("paused"),
  Type.Literal("shutdown"),
  Type.Literal("shutoff"),
  Type.Literal("crashed"),
  Type.Literal("pmsuspended"),
  Type.Literal("nostate"),
]);
export type VmState = Static<typeof VmState>;

const fields = {
  uuid: Type.String({ format: "uuid" }),
  name: Type.String(),
  hostId: Type.String(),
  state: VmState,
  vcpus: Type.Integer({ minimum: 0 }),
  memoryBytes: Type.Integer({ minimum: 0, description: "RAM the guest has now, in bytes." }),
  firstSeen: Type.String({ format: "date-time" }),
  lastSeen: Type.String({ format: "date-time" }),
};

const VmItem = Type.Object(fields, { additionalProperties: false });

/** One VM as its hypervisor tells it now. */
export const Vm = documentOf("Vm", fields);
export type Vm = Static<typeof Vm>;

/** Every VM of every host that answers. */
export const VmList = documentOf("VmList", { items: Type.Array(VmItem) });
export type VmList = Static<typeof VmList>;
