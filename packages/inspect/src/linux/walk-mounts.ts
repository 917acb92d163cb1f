import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** `MNT_CURSOR` (include/linux/mount.h): not a mount, but where a reader of /proc/mounts is (5.8 to 6.7). */
const MNT_CURSOR = 0x1000_0000;

/**
 * `struct mount`s of the `mnt_namespace` at `namespace`, those that others cover among them: a list in the
 * order of mounting, since 6.8 a red-black tree in the order of their ids.
 */
export function* walkMounts(kernel: KernelReader, namespace: Gva): Generator<Gva> {
  const type = kernel.struct("mnt_namespace");
  const mount = kernel.struct("mount");
  if (!type.has("list")) {
    yield* mount.rbTree(type.address("mounts")(namespace), "mnt_node");
    return;
  }
  const flags = mount.number("mnt.mnt_flags");
  for (const at of mount.list(type.address("list")(namespace), "mnt_list")) {
    if ((flags(at) & MNT_CURSOR) === 0) yield at;
  }
}
