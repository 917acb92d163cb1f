import { type Gva, gva } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { formatIpv4, formatIpv6 } from "./inet-address.ts";
import { AddressFamily, netlinkName } from "./socket-names.ts";
import { netDeviceNames } from "./walk-net-devices.ts";

/** One end of a socket. */
export interface SocketAddress {
  /** An IP address, a path (abstract ones with `@` first), a device, or a netlink protocol; "" for none. */
  readonly address: string;
  /** A port; IP protocol of a raw, EtherType of a packet, port id of a netlink, queue of an XDP socket. */
  readonly port: number | null;
}

export interface SocketAddresses {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
}

const NONE: SocketAddress = { address: "", port: null };
/** `sun_family`, before the path. */
const PATH_OFFSET = 2;
/** `UNIX_PATH_MAX` and a NUL that the kernel adds. */
const MAX_PATH = 109;

/** Reads both ends of a socket; for TIME_WAIT and NEW_SYN_RECV ones too. */
export function socketAddresses(kernel: KernelReader): Accessor<SocketAddresses> {
  const common = kernel.struct("sock_common");
  const family = common.number("skc_family");
  const number = common.number("skc_num");
  const remotePort = common.number("skc_dport");
  const local4 = common.bytes("skc_rcv_saddr");
  const remote4 = common.bytes("skc_daddr");
  const hasIpv6 = common.has("skc_v6_daddr");
  const local6 = hasIpv6 ? common.bytes("skc_v6_rcv_saddr") : local4;
  const remote6 = hasIpv6 ? common.bytes("skc_v6_daddr") : remote4;
  const unix = unixAddresses(kernel);
  const packet = packetAddresses(kernel);
  const netlink = netlinkAddresses(kernel);
  const xdp = xdpAddresses(kernel);
  return (at) => {
    switch (family(at)) {
      case AddressFamily.inet:
        return {
          local: { address: formatIpv4(local4(at)), port: number(at) },
          remote: { address: formatIpv4(remote4(at)), port: swap16(remotePort(at)) },
        };
      case AddressFamily.inet6:
        return {
          local: { address: formatIpv6(local6(at)), port: number(at) },
          remote: { address: formatIpv6(remote6(at)), port: swap16(remotePort(at)) },
        };
      case AddressFamily.unix:
        return unix(at);
      case AddressFamily.packet:
        return packet(at);
      case AddressFamily.netlink:
        return netlink(at);
      case AddressFamily.xdp:
        return xdp(at);
      default:
        return { local: NONE, remote: NONE };
    }
  };
}

function unixAddresses(kernel: KernelReader): Accessor<SocketAddresses> {
  const unix = kernel.struct("unix_sock");
  const address = unix.pointer("addr");
  const peer = unix.pointer("peer");
  const type = kernel.struct("unix_address");
  const length = type.number("len");
  const name = BigInt(type.offset("name") + PATH_OFFSET);
  const read = (at: Gva): SocketAddress => {
    const bound = at === 0n ? 0n : address(at);
    if (bound === 0n) return NONE;
    const size = Math.max(0, Math.min(length(gva(bound)) - PATH_OFFSET, MAX_PATH));
    const bytes = kernel.memory.bytes(gva(bound + name), size);
    const isAbstract = bytes[0] === 0;
    // As /proc/net/unix has it: a path without its NUL, other NULs as `@`.
    const path = isAbstract ? bytes : bytes.subarray(0, -1);
    return { address: decodeText(path.map((byte) => byte || 0x40)), port: null };
  };
  return (at) => ({ local: read(at), remote: read(peer(at)) });
}

function packetAddresses(kernel: KernelReader): Accessor<SocketAddresses> {
  const packet = kernel.struct("packet_sock");
  const index = packet.number("ifindex");
  const protocol = packet.number("num");
  const net = packet.pointer("sk.__sk_common.skc_net");
  const deviceName = netDeviceNames(kernel);
  return (at) => ({
    local: { address: deviceName(net(at), index(at)), port: swap16(protocol(at)) },
    remote: NONE,
  });
}

function netlinkAddresses(kernel: KernelReader): Accessor<SocketAddresses> {
  const netlink = kernel.struct("netlink_sock");
  const protocol = netlink.number("sk.sk_protocol");
  const local = netlink.number("portid");
  const remote = netlink.number("dst_portid");
  return (at) => {
    const address = netlinkName(protocol(at));
    return { local: { address, port: local(at) }, remote: { address, port: remote(at) } };
  };
}

function xdpAddresses(kernel: KernelReader): Accessor<SocketAddresses> {
  if (!kernel.hasStruct("xdp_sock")) return () => ({ local: NONE, remote: NONE });
  const xdp = kernel.struct("xdp_sock");
  const device = xdp.pointer("dev");
  const name = kernel.struct("net_device").string("name");
  const queue = xdp.number("queue_id");
  return (at) => {
    const bound = device(at);
    const local = bound === 0n ? NONE : { address: name(bound), port: queue(at) };
    return { local, remote: NONE };
  };
}

/** What is big-endian in memory and was read as if it were not. */
function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}
