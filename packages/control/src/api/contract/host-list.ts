import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

const HostItem = Type.Object(
  {
    id: Type.String(),
    name: Type.String({ description: "The host's own name." }),
    uri: Type.String({ description: "The libvirt connection, as qemu:///system." }),
    connected: Type.Boolean({ description: "Whether libvirt answers now." }),
    detail: Type.String({ description: "Why it does not; empty when it does." }),
    firstSeen: Type.String({ format: "date-time" }),
    lastSeen: Type.String({ format: "date-time" }),
  },
  { additionalProperties: false },
);

/** The hypervisor hosts this control plane knows. */
export const HostList = documentOf("HostList", { items: Type.Array(HostItem) });
export type HostList = Static<typeof HostList>;
