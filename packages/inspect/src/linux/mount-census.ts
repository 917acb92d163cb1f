import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "../walk/circle-finder.ts";
import { isWhole } from "../walk/is-whole.ts";
import { walkHashTable } from "../walk/walk-hash-table.ts";
import { walkMounts } from "./walk-mounts.ts";

/** Where the kernel keeps its mounts, a bit each. */
export const MountPlace = { namespace: 1, hash: 2, superBlock: 4, children: 8 } as const;

/** Namespaces that are none: NULL of what is not mounted (any more), `ERR_PTR(-EINVAL)` of the kernel's own. */
const LAST_NAMESPACE = 0xffff_ffff_ffff_f000n;

/** Whether what a mount has as its namespace is one. */
export function isMountNamespace(namespace: Gva): boolean {
  return namespace !== 0n && namespace < LAST_NAMESPACE;
}

/** What the kernel's structures say of its mounts, each asked by itself. */
export interface MountCensus {
  /** Every `struct mount` that any of them leads to, with its `MountPlace`s. */
  readonly places: ReadonlyMap<Gva, number>;
  /** The places that have all that is mounted, and could be read as a whole. */
  readonly complete: number;
}

/**
 * Every `struct mount` that any of the kernel's structures leads to, with its `MountPlace`s: the namespaces'
 * own (/proc/PID/mounts), the hash table by which paths are followed, the file systems', the mounts below.
 */
export function takeMountCensus(kernel: KernelReader): MountCensus {
  const places = new Map<Gva, number>();
  let complete = MountPlace.namespace | MountPlace.hash | MountPlace.superBlock;
  const note = (walk: Iterable<Gva>, place: number, name: string, at?: Gva) => {
    const whole = isWhole(kernel, () => {
      for (const mount of kernel.attemptWalk(walk, name, at)) {
        places.set(mount, (places.get(mount) ?? 0) | place);
      }
    });
    if (!whole) complete &= ~place;
  };
  note(walkSuperBlocks(kernel), MountPlace.superBlock, "mounts of file systems");
  note(walkMountHash(kernel), MountPlace.hash, "hash table of mounts");
  const mount = kernel.struct("mount");
  const children = mount.address("mnt_mounts");
  for (const at of [...places.keys()]) {
    note(mount.list(children(at), "mnt_child"), MountPlace.children, "mounts below", at);
  }
  const namespaceOf = mount.pointer("mnt_ns");
  const namespaces = new Set<Gva>();
  for (const at of places.keys()) {
    const namespace = kernel.attempt(() => namespaceOf(at), "mount", at);
    if (namespace !== undefined && isMountNamespace(namespace)) namespaces.add(namespace);
  }
  for (const namespace of namespaces) {
    note(walkMounts(kernel, namespace), MountPlace.namespace, "mount namespace", namespace);
  }
  return { places, complete };
}

/** `mount_hashtable` (fs/namespace.c): what is mounted on something, by both. */
function* walkMountHash(kernel: KernelReader): Generator<Gva> {
  yield* walkHashTable(kernel, {
    heads: kernel.memory.pointer(kernel.symbol("mount_hashtable")),
    count: kernel.memory.u32(kernel.symbol("m_hash_mask")) + 1,
    stride: 8,
    offset: kernel.struct("mount").offset("mnt_hash"),
  });
}

/** `s_mounts` of all file systems. */
function* walkSuperBlocks(kernel: KernelReader): Generator<Gva> {
  const superBlock = kernel.struct("super_block");
  const mount = kernel.struct("mount");
  const mounts = superBlock.offset("s_mounts");
  for (const at of superBlock.list(kernel.symbol("super_blocks"), "s_list")) {
    if (mount.has("mnt_instance")) {
      yield* mount.list(gva(at + BigInt(mounts)), "mnt_instance");
      continue;
    }
    // Since 6.17 a chain of mounts.
    const next = mount.offset("mnt_next_for_sb");
    const circle = new CircleFinder();
    for (let each = kernel.link(at, mounts); each !== 0n; each = kernel.link(each, next)) {
      kernel.budget.step();
      circle.visit(each);
      yield each;
    }
  }
}
