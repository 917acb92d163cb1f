import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { scanObjects } from "./scan-objects.ts";
import { readSlabCache, type SlabCache } from "./slab-cache.ts";

/**
 * Every `struct sock` in all of RAM that is in use, of each protocol that has a cache of its own: found by the
 * pages they lie in, so that what hides from the tables of sockets is found.
 *
 * Throws `kernel/damaged` and `inspect/budget`.
 */
export function* scanSockets(kernel: KernelReader): Generator<Gva> {
  const { caches, protocols } = readProtocols(kernel);
  const sock = kernel.struct("sock");
  const protocolOf = sock.pointer("__sk_common.skc_prot");
  const references = sock.number("__sk_common.skc_refcnt");
  for (const { address, inUse } of scanObjects(kernel, caches)) {
    // Caches of equal objects are merged: what is in one need not be a socket.
    if (inUse && protocols.has(protocolOf(address)) && references(address) > 0) yield address;
  }
}

/** `proto_list`: what each kind of socket can do, and where it is allocated. */
function readProtocols(kernel: KernelReader) {
  const proto = kernel.struct("proto");
  const slab = proto.pointer("slab");
  const protocols = new Set<Gva>();
  const caches = new Map<Gva, SlabCache>();
  for (const at of proto.list(kernel.symbol("proto_list"), "node")) {
    const cache = slab(at);
    if (cache === 0n) continue;
    protocols.add(at);
    if (!caches.has(cache)) caches.set(cache, readSlabCache(kernel, cache));
  }
  return { caches: [...caches.values()], protocols };
}
