import type { BlockReader } from "../../block-reader.ts";
import { BytesReader } from "../../bytes-reader.ts";
import type { FindRun } from "../block-run.ts";
import { MappedFile } from "../mapped-file.ts";
import { blockMap } from "./block-map.ts";
import { type Ext4Inode, InodeFlag } from "./ext4-inode.ts";
import type { Ext4Blocks, Ext4Volume } from "./ext4-volume.ts";
import { extentTree } from "./extent-tree.ts";
import { inlineData } from "./inline-data.ts";

/** What an inode has, in whichever way it has it. Throws `disk/damaged`, `disk/truncated`. */
export function fileData(volume: Ext4Volume, inode: Ext4Inode): BlockReader {
  if ((inode.flags & InodeFlag.inlineData) !== 0) return new BytesReader(inlineData(inode));
  const { size, inode: number } = inode.stat;
  const { blockSize } = volume.superblock;
  const what = `inode ${number}`;
  const found = fileRuns(volume, inode);
  const findRun = volume.changes === undefined ? found : changed(volume, number, found, what);
  return new MappedFile(volume.reader, { size, blockSize }, findRun, what);
}

/** Where the blocks of a file are, fast commits left out. Throws `disk/damaged`, `disk/truncated`. */
export function fileRuns(volume: Ext4Blocks, inode: Ext4Inode): FindRun {
  const find = (inode.flags & InodeFlag.extents) !== 0 ? extentTree : blockMap;
  return find(volume, inode);
}

/** HOSTILE: a fast commit may tell of any block. */
function changed(volume: Ext4Volume, number: number, found: FindRun, what: string): FindRun {
  const findRun = volume.changes?.runs(number, found) ?? found;
  return (logical) => {
    const run = findRun(logical);
    if (run.physical !== undefined) volume.verifyBlocks(run.physical, run.count, what);
    return run;
  };
}
