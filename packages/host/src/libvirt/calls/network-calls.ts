import { virErrorNumber } from "../libvirt-error.ts";
import type { Network } from "../network.ts";
import type { Libvirt, Out, VirNetwork } from "../prototypes.ts";
import { type Call, checked, mapAll, using } from "./call.ts";
import { uuidOf } from "./domain-calls.ts";

function readNetwork(call: Call, net: VirNetwork): Network {
  const { lib } = call;
  const name = checked(call, "read a network's name", lib.virNetworkGetName(net));
  const doing = `read network ${name}`;
  const autostart: Out<number> = [0];
  // A network without a definition has no autostart, and one without a bridge has no bridge's name.
  lib.virNetworkGetAutostart(net, autostart);
  const bridge = lib.virNetworkGetBridgeName(net) ?? undefined;
  return {
    uuid: uuidOf(call, doing, (buffer) => lib.virNetworkGetUUIDString(net, buffer)),
    name,
    bridge,
    active: checked(call, doing, lib.virNetworkIsActive(net)) === 1,
    persistent: checked(call, doing, lib.virNetworkIsPersistent(net)) === 1,
    autostart: autostart[0] === 1,
  };
}

function act(verb: string, native: (lib: Libvirt, net: VirNetwork) => number) {
  return (call: Call, uuid: string): void => {
    const { lib, conn } = call;
    const doing = `${verb} network ${uuid}`;
    const found = checked(call, doing, lib.virNetworkLookupByUUIDString(conn, uuid));
    using(found, lib.virNetworkFree, (net) => checked(call, doing, native(lib, net)));
  };
}

export const networkCalls = {
  listNetworks(call: Call): Network[] {
    const { lib, conn } = call;
    return mapAll<VirNetwork, Network>(
      call,
      "list the networks",
      virErrorNumber.noNetwork,
      (out) => lib.virConnectListAllNetworks(conn, out, 0),
      lib.virNetworkFree,
      (net) => readNetwork(call, net),
    );
  },

  networkXml(call: Call, uuid: string): string {
    const { lib, conn } = call;
    const doing = `read the definition of network ${uuid}`;
    const found = checked(call, doing, lib.virNetworkLookupByUUIDString(conn, uuid));
    return using(found, lib.virNetworkFree, (net) =>
      checked(call, doing, lib.virNetworkGetXMLDesc(net, 0)),
    );
  },

  defineNetwork(call: Call, xml: string): Network {
    const { lib, conn } = call;
    const defined = checked(call, "define a network", lib.virNetworkDefineXML(conn, xml));
    return using(defined, lib.virNetworkFree, (net) => readNetwork(call, net));
  },

  createNetwork(call: Call, xml: string): Network {
    const { lib, conn } = call;
    const created = checked(call, "create a network", lib.virNetworkCreateXML(conn, xml));
    return using(created, lib.virNetworkFree, (net) => readNetwork(call, net));
  },

  startNetwork: act("start", (lib, net) => lib.virNetworkCreate(net)),
  destroyNetwork: act("stop", (lib, net) => lib.virNetworkDestroy(net)),
  undefineNetwork: act("undefine", (lib, net) => lib.virNetworkUndefine(net)),
};
