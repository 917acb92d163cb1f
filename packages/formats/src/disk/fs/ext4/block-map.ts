import type { BlockRun, FindRun } from "../block-run.ts";
import { damaged } from "./ext4-error.ts";
import type { Ext4Inode } from "./ext4-inode.ts";
import type { Ext4Blocks } from "./ext4-volume.ts";

/** Linux 6.12, fs/ext4/ext4.h: `EXT4_NDIR_BLOCKS`; then one block of pointers, two levels of them, three. */
const DIRECT = 12;
const LEVELS = 3;
const POINTER_BYTES = 4;

/** Finds the blocks of a file that has pointers to them, as all have in ext2 and ext3. */
export function blockMap(volume: Ext4Blocks, { block: root, stat }: Ext4Inode): FindRun {
  const what = `the blocks of inode ${stat.inode}`;
  const perBlock = volume.superblock.blockSize / POINTER_BYTES;
  return (logical) => {
    if (logical < DIRECT)
      return runIn(volume, root.subarray(0, DIRECT * POINTER_BYTES), logical, what);
    let rest = logical - DIRECT;
    for (let level = 1; level <= LEVELS; level += 1) {
      const covered = perBlock ** level;
      if (rest >= covered) {
        rest -= covered;
        continue;
      }
      const pointer = root.readUInt32LE((DIRECT + level - 1) * POINTER_BYTES);
      return descend(volume, pointer, level, rest, perBlock, what);
    }
    throw damaged(what, `block ${logical}`, "fewer than three levels of pointers tell of");
  };
}

/** HOSTILE: a pointer may lead to any block; how often it is followed does not depend on what is in it. */
function descend(
  volume: Ext4Blocks,
  pointer: number,
  level: number,
  rest: number,
  perBlock: number,
  what: string,
): BlockRun {
  const covered = perBlock ** level;
  if (pointer === 0) return { physical: undefined, count: covered - rest };
  const pointers = volume.block(pointer, what);
  if (level === 1) return runIn(volume, pointers, rest, what);
  const each = covered / perBlock;
  const index = Math.floor(rest / each);
  const next = pointers.readUInt32LE(index * POINTER_BYTES);
  return descend(volume, next, level - 1, rest - index * each, perBlock, what);
}

/** The run that pointer number `index` begins, as far as this block of pointers tells. */
function runIn(volume: Ext4Blocks, pointers: Buffer, index: number, what: string): BlockRun {
  const first = pointers.readUInt32LE(index * POINTER_BYTES);
  const most = pointers.length / POINTER_BYTES;
  let count = 1;
  const follows = () => (first === 0 ? 0 : first + count);
  while (index + count < most && pointers.readUInt32LE((index + count) * 4) === follows()) {
    count += 1;
  }
  if (first === 0) return { physical: undefined, count };
  volume.verifyBlocks(first, count, what);
  return { physical: first, count };
}
