import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import type { Path } from "./d-path.ts";

/** Where a `struct file` is for the process that opened it. */
export interface UserPath extends Path {
  /** Address of its `inode`. */
  readonly inode: Gva;
}

/**
 * Reads the path of a `struct file` as its process knows it, which of a file behind another one (overlayfs)
 * is the other one's: `file_user_path`, `file_user_inode`.
 */
export function fileUserPath(kernel: KernelReader): Accessor<UserPath> {
  const file = kernel.struct("file");
  const mode = file.number("f_mode");
  const mnt = file.pointer("f_path.mnt");
  const dentry = file.pointer("f_path.dentry");
  const inode = file.pointer("f_inode");
  const own = (at: Gva) => ({ mnt: mnt(at), dentry: dentry(at), inode: inode(at) });
  // Before 6.8 such a file had the other one's path itself.
  if (!kernel.hasStruct("backing_file") || !kernel.struct("backing_file").has("user_path")) {
    return own;
  }
  const backing = kernel.struct("backing_file");
  const userMnt = backing.pointer("user_path.mnt");
  const userDentry = backing.pointer("user_path.dentry");
  const inodeOf = kernel.struct("dentry").pointer("d_inode");
  const bit = fmodeBacking(kernel);
  return (at) => {
    if ((mode(at) & bit) === 0) return own(at);
    const userFile = backing.containerOf(at, "file");
    const user = userDentry(userFile);
    return { mnt: userMnt(userFile), dentry: user, inode: inodeOf(user) };
  };
}

/**
 * `FMODE_BACKING` (include/linux/fs.h), a macro that BTF does not know: bit 24 where fanotify decides when a
 * file is opened what it will be told (6.14, and 6.12 as Debian has it), bit 25 before.
 */
function fmodeBacking(kernel: KernelReader): number {
  const decides = [
    "file_set_fsnotify_mode",
    "file_set_fsnotify_mode_from_watchers",
    "fsnotify_open_perm_and_set_mode",
  ].some((symbol) => kernel.hasSymbol(symbol));
  return decides ? 1 << 24 : 1 << 25;
}
