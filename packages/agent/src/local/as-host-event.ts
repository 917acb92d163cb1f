import type { LibvirtHostEvent } from "@casemate/host";
import type { HostEvent } from "../host-agent.ts";

/** What a host tells of what libvirt told; `undefined` of what nobody hears of. */
export function asHostEvent(event: LibvirtHostEvent): HostEvent | undefined {
  const at = new Date();
  switch (event.kind) {
    case "connected":
      return { at, type: "connection", what: "connected" };
    case "disconnected":
      return { at, type: "connection", what: "lost", detail: event.cause.message };
    case "inventory":
      return undefined;
    case "lifecycle": {
      const { uuid, name, event: what, detail } = event;
      return { at, type: "vm", what, vm: { uuid, name }, detail };
    }
    default: {
      const { uuid, name, kind } = event;
      return { at, type: "vm", what: kind, vm: { uuid, name } };
    }
  }
}
