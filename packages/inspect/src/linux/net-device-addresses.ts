import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { CircleFinder } from "../walk/circle-finder.ts";
import { formatIpv4, formatIpv6 } from "./inet-address.ts";

/** An IP address of a network device. */
export interface NetDeviceAddress {
  readonly family: "inet" | "inet6";
  readonly address: string;
  readonly prefixLength: number;
  /** As `ip` has it. */
  readonly scope: "global" | "site" | "link" | "host" | "nowhere" | `${number}`;
  /** The other end of a point-to-point link; null where there is none. */
  readonly peer: string | null;
}

/** include/uapi/linux/rtnetlink.h, `enum rt_scope_t`. */
const SCOPES: Readonly<Record<number, NetDeviceAddress["scope"]>> = {
  0: "global",
  200: "site",
  253: "link",
  254: "host",
  255: "nowhere",
};

// include/net/ipv6.h; macros, so BTF does not know them.
const IPV6_ADDR_LOOPBACK = 0x10;
const IPV6_ADDR_LINKLOCAL = 0x20;
const IPV6_ADDR_SITELOCAL = 0x40;

/** Reads the IP addresses of a device, IPv4 first. */
export function netDeviceAddresses(kernel: KernelReader): Accessor<readonly NetDeviceAddress[]> {
  const ipv4 = ipv4Addresses(kernel);
  const ipv6 = ipv6Addresses(kernel);
  return (at) => [...ipv4(at), ...ipv6(at)];
}

function ipv4Addresses(kernel: KernelReader): (at: Gva) => Generator<NetDeviceAddress> {
  const inDevice = kernel.struct("net_device").pointer("ip_ptr");
  const first = kernel.struct("in_device").offset("ifa_list");
  const ifaddr = kernel.struct("in_ifaddr");
  const next = ifaddr.offset("ifa_next");
  const local = ifaddr.bytes("ifa_local");
  const address = ifaddr.bytes("ifa_address");
  const prefixLength = ifaddr.number("ifa_prefixlen");
  const scope = ifaddr.number("ifa_scope");
  return function* walkIpv4(at) {
    const device = inDevice(at);
    if (device === 0n) return;
    const circle = new CircleFinder();
    for (let ifa = kernel.link(device, first); ifa !== 0n; ifa = kernel.link(ifa, next)) {
      kernel.budget.step();
      circle.visit(ifa);
      const own = formatIpv4(local(ifa));
      const other = formatIpv4(address(ifa));
      const number = scope(ifa);
      yield {
        family: "inet",
        address: own,
        prefixLength: prefixLength(ifa),
        scope: SCOPES[number] ?? `${number}`,
        peer: other === own ? null : other,
      };
    }
  };
}

function ipv6Addresses(kernel: KernelReader): (at: Gva) => Generator<NetDeviceAddress> {
  const device = kernel.struct("net_device").pointer("ip6_ptr");
  const head = kernel.struct("inet6_dev").address("addr_list");
  const ifaddr = kernel.struct("inet6_ifaddr");
  const address = ifaddr.bytes("addr");
  const peer = ifaddr.bytes("peer_addr");
  const prefixLength = ifaddr.number("prefix_len");
  const scope = ifaddr.number("scope");
  return function* walkIpv6(at) {
    const ip6 = device(at);
    if (ip6 === 0n) return;
    for (const ifa of ifaddr.list(head(ip6), "if_list")) {
      const other = formatIpv6(peer(ifa));
      yield {
        family: "inet6",
        address: formatIpv6(address(ifa)),
        prefixLength: prefixLength(ifa),
        scope: ipv6Scope(scope(ifa)),
        peer: other === "::" ? null : other,
      };
    }
  };
}

/** `rt_scope` (net/ipv6/addrconf.c). */
function ipv6Scope(scope: number): NetDeviceAddress["scope"] {
  if ((scope & IPV6_ADDR_LINKLOCAL) !== 0) return "link";
  if ((scope & IPV6_ADDR_LOOPBACK) !== 0) return "host";
  return (scope & IPV6_ADDR_SITELOCAL) !== 0 ? "site" : "global";
}
