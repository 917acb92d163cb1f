import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type HashTable, walkHashTable } from "../walk/walk-hash-table.ts";
import { walkRhashtable } from "../walk/walk-rhashtable.ts";
import { walkNetNamespaces } from "./walk-net-namespaces.ts";

/** `UNIX_HASH_SIZE` for bound and as many for unbound sockets (net/unix/af_unix.c, include/net/af_unix.h). */
const UNIX_HEADS = 512;
/** include/uapi/linux/netlink.h */
const MAX_LINKS = 32;

/**
 * Sockets (`struct sock`) in the kernel's own tables, in all network namespaces: TCP, UDP, UDP-Lite, ICMP,
 * raw, packet, Unix, XDP and netlink. A table that is damaged does not hide the others.
 *
 * Of TCP there are whole sockets, and in states TIME_WAIT and NEW_SYN_RECV smaller structs that have only
 * the `sock_common` in common with them. Sockets that were made but never bound are in no table, except
 * for raw, packet and Unix ones.
 */
export function* walkSockets(kernel: KernelReader): Generator<Gva> {
  // Namespaces may share their tables.
  const seen = new Set<Gva>();
  for (const table of kernel.attemptWalk(walkTables(kernel), "tables of sockets")) {
    if (seen.has(table.heads)) continue;
    seen.add(table.heads);
    yield* kernel.attemptWalk(walkHashTable(kernel, table), "hash table of sockets", table.heads);
  }
  yield* kernel.attemptWalk(walkNetlink(kernel), "netlink table");
}

function* walkTables(kernel: KernelReader): Generator<HashTable> {
  const sock = kernel.struct("sock");
  const node = sock.offset("__sk_common.skc_node");
  const net = kernel.struct("net");
  const tcp = net.pointer("ipv4.tcp_death_row.hashinfo", "ipv4.tcp_death_row->hashinfo");
  const udp = net.has("ipv4.udp_table") ? net.pointer("ipv4.udp_table") : undefined;
  const packet = net.address("packet.sklist");
  const unix = net.has("unx.table") ? net.pointer("unx.table.buckets") : undefined;
  const xdp = net.has("xdp.list") ? net.address("xdp.list") : undefined;
  const single = (heads: Gva) => ({ heads, count: 1, stride: 8, offset: node });

  for (const at of walkNetNamespaces(kernel)) {
    yield* walkTcpTables(kernel, tcp(at));
    if (udp !== undefined) yield udpTable(kernel, udp(at));
    yield single(packet(at));
    if (unix !== undefined) yield { heads: unix(at), count: UNIX_HEADS, stride: 8, offset: node };
    if (xdp !== undefined) yield single(xdp(at));
  }
  for (const name of ["udp_table", "udplite_table"]) {
    if (kernel.hasSymbol(name)) yield udpTable(kernel, kernel.symbol(name));
  }
  for (const [name, struct, member] of [
    ["raw_v4_hashinfo", "raw_hashinfo", "ht"],
    ["raw_v6_hashinfo", "raw_hashinfo", "ht"],
    ["ping_table", "ping_table", "hash"],
  ] as const) {
    if (!kernel.hasSymbol(name) || !kernel.hasStruct(struct)) continue;
    const type = kernel.struct(struct);
    const heads = type.address(member)(kernel.symbol(name));
    yield { heads, count: type.length(member), stride: 8, offset: node };
  }
  if (unix === undefined) {
    const heads = kernel.symbol("unix_socket_table");
    yield { heads, count: UNIX_HEADS, stride: 8, offset: node };
  }
}

/** The established and the listening sockets of an `inet_hashinfo`. */
function* walkTcpTables(kernel: KernelReader, hashinfo: Gva): Generator<HashTable> {
  const type = kernel.struct("inet_hashinfo");
  const offset = kernel.struct("sock").offset("__sk_common.skc_nulls_node");
  yield {
    heads: type.pointer("ehash")(hashinfo),
    count: type.number("ehash_mask")(hashinfo) + 1,
    stride: kernel.struct("inet_ehash_bucket").size,
    offset,
  };
  const bucket = kernel.struct("inet_listen_hashbucket");
  const head = BigInt(bucket.offset("nulls_head"));
  if (type.has("listening_hash")) {
    yield {
      heads: gva(type.address("listening_hash")(hashinfo) + head),
      count: type.length("listening_hash"),
      stride: bucket.size,
      offset,
    };
  } else {
    yield {
      heads: gva(type.pointer("lhash2")(hashinfo) + head),
      count: type.number("lhash2_mask")(hashinfo) + 1,
      stride: bucket.size,
      offset,
    };
  }
}

/** The sockets of a `udp_table`, by port. */
function udpTable(kernel: KernelReader, table: Gva): HashTable {
  const type = kernel.struct("udp_table");
  const slot = kernel.struct("udp_hslot");
  return {
    heads: gva(type.pointer("hash")(table) + BigInt(slot.offset("head"))),
    count: type.number("mask")(table) + 1,
    stride: slot.size,
    offset: kernel.struct("sock").offset("__sk_common.skc_node"),
  };
}

function* walkNetlink(kernel: KernelReader): Generator<Gva> {
  const table = kernel.struct("netlink_table");
  const hash = table.address("hash");
  const registered = table.number("registered");
  const node = kernel.struct("netlink_sock").offset("node");
  const first = kernel.link(kernel.symbol("nl_table"));
  for (let protocol = 0; protocol < MAX_LINKS; protocol += 1) {
    kernel.budget.step();
    const at = table.element(first, protocol);
    if (registered(at) !== 0) yield* walkRhashtable(kernel, hash(at), node);
  }
}
