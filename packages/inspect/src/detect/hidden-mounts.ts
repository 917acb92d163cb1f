import { formatAddress, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { pathWriter } from "../linux/d-path.ts";
import { findInit } from "../linux/find-init.ts";
import { getFsRoot } from "../linux/get-fs-root.ts";
import { isMountNamespace, MountPlace, takeMountCensus } from "../linux/mount-census.ts";
import { defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

/** Up to 6.7 a reader of /proc/mounts has a mark in the list, which is no mount (include/linux/mount.h). */
const MNT_CURSOR = 0x1000_0000;

const PLACE_NAMES: readonly (readonly [place: number, name: string])[] = [
  [MountPlace.namespace, "its namespace"],
  [MountPlace.hash, "the hash table of mounts"],
  [MountPlace.superBlock, "the mounts of its file system"],
  [MountPlace.children, "the mounts below its parent"],
];

/** Mounts by which paths are followed, and that /proc/mounts does not show; or the other way round. */
export const hiddenMounts = defineDetector({
  id: "hidden-mounts",
  title: "Hidden mounts",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "Files that are hidden in a file system that is mounted for all to see.",
    "A mount that no path leads to and that is not among those of its file system, as only open files still use it.",
  ],
  check({ kernel }, inspection) {
    const { places, complete } = takeMountCensus(kernel);
    const checkMount = mountChecker(kernel, complete);
    for (const [at, seen] of places) {
      inspection.looked();
      const found = kernel.attempt(() => checkMount(at, seen), "mount", at);
      if (found !== undefined) inspection.report(found);
    }
  },
});

function mountChecker(
  kernel: KernelReader,
  complete: number,
): (at: Gva, places: number) => Suspicion | undefined {
  const mount = kernel.struct("mount");
  const namespace = mount.pointer("mnt_ns");
  const parent = mount.pointer("mnt_parent");
  const flags = mount.number("mnt.mnt_flags");
  const describe = mountDescriber(kernel);
  return (at, places) => {
    if ((flags(at) & MNT_CURSOR) !== 0) return undefined;
    const above = parent(at);
    const isMounted = isMountNamespace(namespace(at));
    // What is mounted on what is mounted is mounted too: whole trees are taken away, never one from its parent.
    const isTakenAway = !isMounted && !isMountNamespace(namespace(above));
    if (isTakenAway || (!isMounted && (places & MountPlace.hash) === 0)) return undefined;
    const missing = complete & ~places & (above === at ? ~MountPlace.hash : ~0);
    return missing === 0 ? undefined : describe(at, places, missing);
  };
}

function mountDescriber(
  kernel: KernelReader,
): (at: Gva, places: number, missing: number) => Suspicion {
  const mount = kernel.struct("mount");
  const id = mount.number("mnt_id");
  const source = mount.string("mnt_devname");
  const type = mount.string("mnt.mnt_sb->s_type->name");
  const root = mount.pointer("mnt.mnt_root");
  const vfsmount = mount.address("mnt");
  const { pathBelowRoot } = pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));
  const listed = (places: number) =>
    PLACE_NAMES.flatMap(([bit, name]) => ((places & bit) !== 0 ? name : [])).join(", ");
  return (at, places, missing) => {
    const where = pathBelowRoot({ mnt: vfsmount(at), dentry: root(at) }) ?? "out of sight";
    const isHidden = (missing & MountPlace.namespace) !== 0;
    return {
      key: `mount ${id(at)} at ${formatAddress(at)}`,
      title: `The mount of ${source(at)} (${type(at)}) on ${where} is not in ${listed(missing)}`,
      severity: "high",
      because: isHidden
        ? "Paths lead into it, and /proc/mounts does not show it: files can be kept there that nobody looks for."
        : "The kernel's books about one mount disagree, which no mount or unmount leaves behind.",
      techniques: ["T1014", "T1564"],
      evidence: [
        {
          what: "struct mount",
          address: formatAddress(at),
          expected: `in ${listed(places | missing)}`,
          seen: `in ${listed(places)}`,
          path:
            (places & MountPlace.superBlock) !== 0
              ? ["super_blocks", "s_mounts", `mount ${formatAddress(at)}`]
              : ["mount_hashtable", `mount ${formatAddress(at)}`],
        },
      ],
      remediation:
        "Look at the file system's contents from outside, on the guest's disk, and at who mounted it; restore a state from before it.",
    };
  };
}
