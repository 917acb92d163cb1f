// include/linux/socket.h.
export const AddressFamily = {
  unix: 1,
  inet: 2,
  inet6: 10,
  netlink: 16,
  packet: 17,
  vsock: 40,
  xdp: 44,
} as const;

const FAMILIES: Readonly<Record<number, string>> = {
  [AddressFamily.unix]: "unix",
  [AddressFamily.inet]: "inet",
  9: "x25",
  [AddressFamily.inet6]: "inet6",
  15: "key",
  [AddressFamily.netlink]: "netlink",
  [AddressFamily.packet]: "packet",
  21: "rds",
  24: "pppox",
  26: "llc",
  29: "can",
  30: "tipc",
  31: "bluetooth",
  33: "rxrpc",
  35: "phonet",
  36: "ieee802154",
  38: "alg",
  39: "nfc",
  [AddressFamily.vsock]: "vsock",
  41: "kcm",
  42: "qipcrtr",
  43: "smc",
  [AddressFamily.xdp]: "xdp",
  45: "mctp",
};

/** The name of an address family: `inet6`; `family-99` where it has none here. */
export function familyName(family: number): string {
  return FAMILIES[family] ?? `family-${family}`;
}

/** include/linux/net.h, `enum sock_type`. */
const TYPES: readonly (string | undefined)[] = [
  undefined,
  "stream",
  "dgram",
  "raw",
  "rdm",
  "seqpacket",
  "dccp",
];
const SOCK_PACKET = 10;
export const SOCK_RAW = 3;

/** The name of a socket type: `stream`. */
export function socketTypeName(type: number): string {
  return type === SOCK_PACKET ? "packet" : (TYPES[type] ?? `type-${type}`);
}

/** What `ss` calls netid, for protocols of the internet families (include/uapi/linux/in.h). */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  33: "dccp",
  58: "icmp6",
  115: "l2tp",
  132: "sctp",
  136: "udplite",
  256: "smc",
  262: "mptcp",
};

/** `tcp`, `udp`, `raw`, … for internet sockets, and the name of the family for all others. */
export function protocolName(family: number, type: number, protocol: number): string {
  if (family !== AddressFamily.inet && family !== AddressFamily.inet6) return familyName(family);
  if (type === SOCK_RAW) return "raw";
  return PROTOCOLS[protocol] ?? `ip-${protocol}`;
}

/** include/uapi/linux/netlink.h, by the names of `ss`. */
const NETLINK: Readonly<Record<number, string>> = {
  0: "rtnl",
  2: "usersock",
  3: "fw",
  4: "tcpdiag",
  5: "nflog",
  6: "xfrm",
  7: "selinux",
  8: "iscsi",
  9: "audit",
  10: "fiblookup",
  11: "connector",
  12: "nft",
  14: "dec-rt",
  15: "uevent",
  16: "genl",
  18: "scsi-trans",
  19: "ecryptfs",
  20: "rdma",
  21: "crypto",
  22: "smc",
};

/** The name of a netlink protocol: `genl`. */
export function netlinkName(protocol: number): string {
  return NETLINK[protocol] ?? String(protocol);
}
