import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Finds a name in a directory by their dentries; `undefined` where the dentry cache has none. */
export function childFinder(
  kernel: KernelReader,
): (directory: Gva, name: string) => Gva | undefined {
  const dentry = kernel.struct("dentry");
  const length = dentry.number("d_name.len");
  const nameOf = dentry.string("d_name.name");
  const hashed = dentry.pointer("d_hash.pprev");
  const isList = dentry.has("d_subdirs");
  const children = dentry.address("d_children", "d_subdirs");
  return (directory, name) => {
    const wanted = Buffer.byteLength(name);
    const head = children(directory);
    for (const at of isList ? dentry.list(head, "d_child") : dentry.hlist(head, "d_sib")) {
      // One that is not hashed was deleted, or is about to be.
      if (length(at) === wanted && nameOf(at) === name && hashed(at) !== 0n) return at;
    }
    return undefined;
  };
}
