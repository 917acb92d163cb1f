import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { MemoryFault } from "../memory/memory-fault.ts";

/** Paths of 4096 bytes (PATH_MAX) have no more names. */
const MAX_DEPTH = 2048;

/** Reads the path of a `kernfs_node` from the root of its hierarchy: `kernfs_path`. HOSTILE: guests name what is there. */
export function kernfsPath(kernel: KernelReader): Accessor<string> {
  const node = kernel.struct("kernfs_node");
  const parentOffset = node.offset("__parent", "parent");
  const name = node.string("name");
  return (at) => {
    let path = "";
    let current = at;
    for (let depth = 0; ; depth += 1) {
      const parent = kernel.link(current, parentOffset);
      if (parent === 0n) return path || "/";
      kernel.budget.step();
      if (depth === MAX_DEPTH) {
        throw new MemoryFault(current, `a path of more than ${MAX_DEPTH} names`, "one that ends");
      }
      path = `/${name(current)}${path}`;
      current = parent;
    }
  };
}
