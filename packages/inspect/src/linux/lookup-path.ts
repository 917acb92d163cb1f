import { CasemateError, type Gva } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import type { Access } from "../kernel/data-class.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { printable } from "../printable.ts";
import { childFinder } from "./child-finder.ts";
import type { UserPath } from "./file-user-path.ts";
import { getFsRoot } from "./get-fs-root.ts";
import { inodeType } from "./inode-type.ts";
import { readPageCache } from "./read-page-cache.ts";
import { walkMounts } from "./walk-mounts.ts";

/** `MAXSYMLINKS` (include/linux/namei.h). */
const MAX_LINKS = 40;
/** `PATH_MAX` (include/uapi/linux/limits.h). */
const MAX_TARGET = 4096;

/**
 * Finds `path` as the process whose `task_struct` is at `task` would, but only through what the dentry cache
 * holds: over mounts, symbolic links and "..", without the disk.
 *
 * Throws `inspect/not-found` where the kernel knows that there is none, and `inspect/not-in-memory` where it
 * does not remember.
 */
export function lookupPath(
  access: Access<"kernelMetadata" | "fileContents">,
  task: Gva,
  path: string,
): UserPath {
  const { kernel } = access;
  const dentryType = kernel.struct("dentry");
  const inodeOf = dentryType.pointer("d_inode");
  const parent = dentryType.pointer("d_parent");
  const mount = kernel.struct("mount");
  const vfsmount = mount.address("mnt");
  const mntRoot = mount.pointer("mnt.mnt_root");
  const mntParent = mount.pointer("mnt_parent");
  const mountpoint = mount.pointer("mnt_mountpoint");
  const typeOf = inodeType(kernel);
  const findChild = childFinder(kernel);
  const mountedOn = mountFinder(kernel, task);
  const root = getFsRoot(kernel, task);

  const cover = (mnt: Gva, dentry: Gva): { mnt: Gva; dentry: Gva } => {
    let at = { mnt, dentry };
    for (let top = mountedOn(mnt, dentry); top !== undefined; top = mountedOn(at.mnt, at.dentry)) {
      kernel.budget.step();
      at = { mnt: vfsmount(top), dentry: mntRoot(top) };
    }
    return at;
  };

  let at: { mnt: Gva; dentry: Gva } = root;
  let links = 0;
  const names = path.split("/").toReversed();
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    kernel.budget.step();
    if (name === "" || name === ".") continue;
    if (name === "..") {
      // Out of a mount through where it is mounted, but never out of the root.
      while (at.dentry !== root.dentry || at.mnt !== root.mnt) {
        kernel.budget.step();
        const self = mount.containerOf(at.mnt, "mnt");
        if (at.dentry !== mntRoot(self)) {
          at = cover(at.mnt, parent(at.dentry));
          break;
        }
        if (mntParent(self) === self) break;
        at = { mnt: vfsmount(mntParent(self)), dentry: mountpoint(self) };
      }
      continue;
    }
    const child = findChild(at.dentry, name);
    if (child === undefined) throw notCached(path, name);
    const inode = inodeOf(child);
    if (inode === 0n) throw notThere(path, name);
    if (typeOf(inode) !== "link") {
      at = cover(at.mnt, child);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw notThere(path, `the end of its symbolic links`);
    const target = readLink(access, inode);
    if (target === undefined) throw notCached(path, `where the symbolic link ${name} leads`);
    if (target.startsWith("/")) at = root;
    names.push(...target.split("/").toReversed());
  }
  return { ...at, inode: inodeOf(at.dentry) };
}

/** Finds the `struct mount` that covers a dentry: `__lookup_mnt`. */
function mountFinder(kernel: KernelReader, task: Gva): (mnt: Gva, dentry: Gva) => Gva | undefined {
  const mount = kernel.struct("mount");
  const vfsmount = mount.address("mnt");
  const parent = mount.pointer("mnt_parent");
  const mountpoint = mount.pointer("mnt_mountpoint");
  const namespace = kernel.struct("task_struct").pointer("nsproxy->mnt_ns")(task);
  const mounts = new Map<Gva, Map<Gva, Gva>>();
  for (const at of walkMounts(kernel, namespace)) {
    if (parent(at) === at) continue;
    const below = vfsmount(parent(at));
    const known = mounts.get(below);
    if (known === undefined) mounts.set(below, new Map([[mountpoint(at), at]]));
    else known.set(mountpoint(at), at);
  }
  return (mnt, dentry) => mounts.get(mnt)?.get(dentry);
}

/** Where a symbolic link leads: from its inode, or from the page cache. */
function readLink(
  access: Access<"kernelMetadata" | "fileContents">,
  inode: Gva,
): string | undefined {
  const type = access.kernel.struct("inode");
  const short = type.string("i_link")(inode);
  if (short !== "") return short;
  for (const piece of readPageCache(access, inode)) {
    if (piece.kind !== "present") return undefined;
    return decodeText(piece.bytes.subarray(0, MAX_TARGET));
  }
  return undefined;
}

function notCached(path: string, missing: string): CasemateError {
  return new CasemateError(
    "inspect/not-in-memory",
    `Cannot find ${printable(path)}: the guest's dentry cache does not hold ${printable(missing)}, expected a path that was used lately.`,
  );
}

function notThere(path: string, missing: string): CasemateError {
  return new CasemateError(
    "inspect/not-found",
    `Cannot find ${printable(path)}: the guest knows that it has no ${printable(missing)}.`,
  );
}
