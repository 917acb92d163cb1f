import { type NetDeviceAddress, netDeviceAddresses } from "../linux/net-device-addresses.ts";
import { type NetDeviceFlag, netDeviceFlags } from "../linux/net-device-flags.ts";
import { formatMac, netDeviceMac } from "../linux/net-device-mac.ts";
import { type NetDeviceStatistics, netDeviceStatistics } from "../linux/net-device-statistics.ts";
import { netDeviceXdp, type XdpProgram } from "../linux/net-device-xdp.ts";
import { netDeviceMaster, walkNetDevices } from "../linux/walk-net-devices.ts";
import { walkNetNamespaces } from "../linux/walk-net-namespaces.ts";
import { defineView } from "./define-view.ts";

export interface InterfaceRow {
  readonly index: number;
  /** HOSTILE: guests name their devices. */
  readonly name: string;
  /** Inode of the network namespace, as in /proc/PID/ns/net. */
  readonly netNamespace: number;
  /** The kind of link: `ether`, `loopback`, …, or its number (include/uapi/linux/if_arp.h). */
  readonly type: string;
  /** What made it: `bridge`, `veth`, …; null for hardware. */
  readonly kind: string | null;
  /** As `ip link` shows them, which says PROMISC only where an administrator asked for it. */
  readonly flags: readonly NetDeviceFlag[];
  /** How many ask for every packet on the wire: sniffers, bridges, administrators. */
  readonly promiscuity: number;
  /** How many ask for every multicast packet. */
  readonly allMulticast: number;
  readonly mtu: number;
  /** Hardware address, `52:54:00:12:34:56`; null where devices of its type have none. */
  readonly mac: string | null;
  /** The address it was made with, where its driver says so. */
  readonly permanentMac: string | null;
  readonly addresses: readonly NetDeviceAddress[];
  /** The bridge or bond it belongs to. */
  readonly master: string | null;
  readonly xdp: readonly XdpProgram[];
  /** Null where the driver keeps its own. */
  readonly statistics: NetDeviceStatistics | null;
  /** Address of its `struct net_device`. */
  readonly device: string;
}

/** include/uapi/linux/if_arp.h, by the names of `ip`. */
const TYPES: Readonly<Record<number, string>> = {
  1: "ether",
  32: "infiniband",
  280: "can",
  512: "ppp",
  768: "ipip",
  769: "tunnel6",
  772: "loopback",
  776: "sit",
  778: "gre",
  823: "gre6",
  824: "netlink",
  826: "vsockmon",
  65534: "none",
};

/** Network devices of all network namespaces: what `ip -d addr` shows in each of them. */
export const interfaces = defineView({
  id: "interfaces",
  kind: "InterfaceList",
  title: "Network interfaces",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly InterfaceRow[] {
    const device = kernel.struct("net_device");
    const index = device.number("ifindex");
    const name = device.string("name");
    const type = device.number("type");
    const linkOps = device.pointer("rtnl_link_ops");
    const kind = kernel.struct("rtnl_link_ops").string("kind");
    const promiscuity = device.number("promiscuity");
    const allMulticast = device.number("allmulti");
    const mtu = device.number("mtu");
    const macLength = device.number("addr_len");
    const mac = netDeviceMac(kernel);
    const permanent = device.bytes("perm_addr");
    const inum = kernel.struct("net").number("ns.inum");
    const flags = netDeviceFlags(kernel);
    const addresses = netDeviceAddresses(kernel);
    const master = netDeviceMaster(kernel);
    const xdp = netDeviceXdp(kernel);
    const statistics = netDeviceStatistics(kernel);

    const rows: InterfaceRow[] = [];
    kernel.each("net", walkNetNamespaces(kernel), (net) => {
      const netNamespace = inum(net);
      kernel.each("net_device", walkNetDevices(kernel, net), (at) => {
        const number = type(at);
        const ops = linkOps(at);
        const above = master(at);
        rows.push({
          index: index(at),
          name: name(at),
          netNamespace,
          type: TYPES[number] ?? String(number),
          kind: ops === 0n ? null : kind(ops),
          flags: flags(at),
          promiscuity: promiscuity(at),
          allMulticast: allMulticast(at),
          mtu: mtu(at),
          mac: mac(at),
          permanentMac: permanentMac(permanent(at).subarray(0, macLength(at))),
          addresses: addresses(at),
          master: above === undefined ? null : name(above),
          xdp: xdp(at),
          statistics: statistics(at),
          device: `0x${at.toString(16)}`,
        });
      });
    });
    return rows;
  },
  columns: [
    { key: "index", title: "INDEX", align: "right" },
    { key: "name", title: "NAME" },
    { key: "netNamespace", title: "NETNS", align: "right" },
    { key: "kind", title: "KIND", text: ({ kind, type }) => kind ?? type },
    { key: "flags", title: "FLAGS", text: ({ flags }) => flags.join(",") },
    { key: "promiscuity", title: "PROMISC", align: "right" },
    { key: "mtu", title: "MTU", align: "right" },
    { key: "mac", title: "MAC", text: ({ mac }) => mac ?? "-" },
    {
      key: "addresses",
      title: "ADDRESSES",
      text: ({ addresses }) =>
        addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(" ") || "-",
    },
    { key: "master", title: "MASTER", text: ({ master }) => master ?? "-" },
    {
      key: "xdp",
      title: "XDP",
      text: ({ xdp }) => xdp.map(({ mode, programId }) => `${mode}:${programId}`).join(" ") || "-",
    },
  ],
});

/** Zeros say that the driver told none. */
function permanentMac(bytes: Uint8Array): string | null {
  return bytes.every((byte) => byte === 0) ? null : formatMac(bytes);
}
