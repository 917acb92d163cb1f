import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** `MNT_NS_INTERNAL` (fs/mount.h): `ERR_PTR(-EINVAL)`. */
const MNT_NS_INTERNAL = 0xffff_ffff_ffff_ffean;

/**
 * Reads whether the mount of a `vfsmount` is the kernel's own (`kern_mount`), so that nobody can open a path
 * on it: those of pipes, sockets and memfds.
 */
export function isInternalMount(kernel: KernelReader): Accessor<boolean> {
  const mount = kernel.struct("mount");
  const namespace = mount.pointer("mnt_ns");
  return (mnt: Gva) => namespace(mount.containerOf(mnt, "mnt")) === MNT_NS_INTERNAL;
}
