import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type HashTable, walkHashTable } from "../walk/walk-hash-table.ts";
import { walkNetNamespaces } from "./walk-net-namespaces.ts";

/**
 * Sockets by the port they are bound to, in all network namespaces: the owners of TCP's ports
 * (`inet_bind_bucket`) and UDP's second table. These are others than `walkSockets` and /proc/net read; TCP's
 * also have what waits in TIME_WAIT.
 */
export function* walkBoundSockets(kernel: KernelReader): Generator<Gva> {
  const net = kernel.struct("net");
  const tcp = net.pointer("ipv4.tcp_death_row.hashinfo", "ipv4.tcp_death_row->hashinfo");
  const udp = net.has("ipv4.udp_table") ? net.pointer("ipv4.udp_table") : undefined;
  // Namespaces may share their tables.
  const seen = new Set<Gva>();
  for (const at of walkNetNamespaces(kernel)) {
    const hashinfo = tcp(at);
    if (!seen.has(hashinfo)) yield* walkPortOwners(kernel, hashinfo);
    seen.add(hashinfo);
    const table = udp?.(at);
    if (table === undefined || seen.has(table)) continue;
    seen.add(table);
    yield* walkHashTable(kernel, portAddressTable(kernel, table));
  }
  for (const name of ["udp_table", "udplite_table"]) {
    if (!kernel.hasSymbol(name) || seen.has(kernel.symbol(name))) continue;
    yield* walkHashTable(kernel, portAddressTable(kernel, kernel.symbol(name)));
  }
}

/** `bhash`: a bucket for each port in use, with its sockets; since 6.8 they are a step further down. */
function* walkPortOwners(kernel: KernelReader, hashinfo: Gva): Generator<Gva> {
  const info = kernel.struct("inet_hashinfo");
  const head = kernel.struct("inet_bind_hashbucket");
  const bucket = kernel.struct("inet_bind_bucket");
  const sock = kernel.struct("sock");
  const member = "__sk_common.skc_bind_node";
  const ports = walkHashTable(kernel, {
    heads: gva(info.pointer("bhash")(hashinfo) + BigInt(head.offset("chain"))),
    count: info.number("bhash_size")(hashinfo),
    stride: head.size,
    offset: bucket.offset("node"),
  });
  if (bucket.has("owners")) {
    const owners = bucket.address("owners");
    for (const port of ports) yield* sock.hlist(owners(port), member);
    return;
  }
  const addresses = bucket.address("bhash2");
  const second = kernel.struct("inet_bind2_bucket");
  const owners = second.address("owners");
  for (const port of ports) {
    for (const at of second.hlist(addresses(port), "bhash_node")) {
      yield* sock.hlist(owners(at), member);
    }
  }
}

/** `hash2` of a `udp_table`: by address and port. */
function portAddressTable(kernel: KernelReader, table: Gva): HashTable {
  const type = kernel.struct("udp_table");
  const slot = kernel.struct("udp_hslot");
  const main = kernel.hasStruct("udp_hslot_main") ? kernel.struct("udp_hslot_main") : slot;
  return {
    heads: gva(type.pointer("hash2")(table) + BigInt(slot.offset("head"))),
    count: type.number("mask")(table) + 1,
    stride: main.size,
    offset: kernel.struct("sock").offset("__sk_common.skc_portaddr_node"),
  };
}
