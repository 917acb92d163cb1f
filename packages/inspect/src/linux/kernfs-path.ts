import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/**
 * How many names above one are looked for, and how long a path may get. HOSTILE: groups can be nested deeper;
 * what goes on beyond is cut off at its beginning and shows as "/…".
 */
const MAX_DEPTH = 2048;
const MAX_LENGTH = 4096;

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
      const longer = `/${name(current)}${path}`;
      if (depth === MAX_DEPTH || longer.length > MAX_LENGTH) {
        return `/…${path || longer.slice(0, MAX_LENGTH)}`;
      }
      path = longer;
      current = parent;
    }
  };
}
