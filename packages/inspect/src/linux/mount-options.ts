import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

// include/linux/mount.h and include/linux/fs.h: macros, so BTF does not know them all. In the order in
// which the kernel shows them (fs/proc_namespace.c).
const MNT_READONLY = 0x40;
const MOUNT_FLAGS = [
  [0x01, "nosuid"],
  [0x02, "nodev"],
  [0x04, "noexec"],
  [0x08, "noatime"],
  [0x10, "nodiratime"],
  [0x20, "relatime"],
  [0x80, "nosymfollow"],
] as const;
const SB_RDONLY = 0x01;
const SUPER_FLAGS = [
  [0x10, "sync"],
  [0x80, "dirsync"],
  [0x40, "mand"],
  [0x0200_0000, "lazytime"],
] as const;

/** Reads the options of a `struct mount`, without those of its file system: `show_mnt_opts`. */
export function mountOptions(kernel: KernelReader): Accessor<string> {
  const flags = kernel.struct("mount").number("mnt.mnt_flags");
  const isIdmapped = idmapped(kernel);
  return (at) => {
    const bits = flags(at);
    const shown = MOUNT_FLAGS.filter(([flag]) => (bits & flag) !== 0).map(([, name]) => name);
    const access = (bits & MNT_READONLY) === 0 ? "rw" : "ro";
    return [access, ...shown, ...(isIdmapped(at) ? ["idmapped"] : [])].join(",");
  };
}

/** Reads the options that every `super_block` has: `show_sb_opts`. */
export function superOptions(kernel: KernelReader): Accessor<string> {
  const flags = kernel.struct("super_block").number("s_flags");
  return (at) => {
    const bits = flags(at);
    const shown = SUPER_FLAGS.filter(([flag]) => (bits & flag) !== 0).map(([, name]) => name);
    return [(bits & SB_RDONLY) === 0 ? "rw" : "ro", ...shown].join(",");
  };
}

/** `is_idmapped_mnt`: by `nop_mnt_idmap` since 6.2, by the user namespace of the mount since 5.12. */
function idmapped(kernel: KernelReader): Accessor<boolean> {
  const mount = kernel.struct("mount");
  if (mount.has("mnt.mnt_idmap") && kernel.hasSymbol("nop_mnt_idmap")) {
    const idmap = mount.pointer("mnt.mnt_idmap");
    const none = kernel.symbol("nop_mnt_idmap");
    return (at) => idmap(at) !== none;
  }
  if (!mount.has("mnt.mnt_userns")) return () => false;
  const userNamespace = mount.pointer("mnt.mnt_userns");
  const initial = kernel.symbol("init_user_ns");
  return (at) => userNamespace(at) !== initial;
}
