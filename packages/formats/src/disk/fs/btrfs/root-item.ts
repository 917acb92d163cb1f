import { StructTable } from "../../struct-table.ts";
import { damaged } from "./btrfs-error.ts";
import type { TreeRoot } from "./btrfs-superblock.ts";

/** Linux 6.12, include/uapi/linux/btrfs_tree.h, `struct btrfs_root_item` as far as all kernels have it. */
const ROOT_ITEM = new StructTable("btrfs_root_item", "little", 239, {
  generation: [0xa0, "u64"],
  root_dirid: [0xa8, "u64"],
  bytenr: [0xb0, "u64"],
  refs: [0xd8, "u32"],
  level: [0xee, "u8"],
});

/** What the root tree says of a tree. */
export interface RootItem extends TreeRoot {
  /** The inode of a subvolume's own directory. */
  readonly rootDirectory: number;
  /** Being deleted: nothing refers to it any more. */
  readonly isDeleted: boolean;
}

/** The root item of tree `id`. Throws `disk/damaged`. */
export function parseRootItem(bytes: Buffer, id: number): RootItem {
  if (bytes.length < ROOT_ITEM.size)
    throw damaged(`the root of tree ${id}`, `${bytes.length} bytes`, `${ROOT_ITEM.size}`);
  const raw = ROOT_ITEM.parse(bytes);
  return {
    id,
    bytenr: Number(raw.bytenr),
    level: raw.level,
    generation: Number(raw.generation),
    rootDirectory: Number(raw.root_dirid),
    isDeleted: raw.refs === 0,
  };
}
