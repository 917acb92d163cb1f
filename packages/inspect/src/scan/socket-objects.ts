import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { ObjectKind } from "./object-kind.ts";
import { readSlabCache, type SlabCache } from "./slab-cache.ts";

/**
 * What tells `struct sock`s that are in use, of each protocol that has a cache of its own. Throws `kernel/damaged`.
 */
export function socketObjects(kernel: KernelReader): ObjectKind<Gva> {
  const { caches, protocols } = readProtocols(kernel);
  const sock = kernel.struct("sock");
  const protocolOf = sock.pointer("__sk_common.skc_prot");
  const references = sock.number("__sk_common.skc_refcnt");
  return {
    caches,
    recognize({ address, inUse }) {
      // Caches of equal objects are merged: what is in one need not be a socket.
      const isSocket = inUse && protocols.has(protocolOf(address)) && references(address) > 0;
      return isSocket ? address : undefined;
    },
  };
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
