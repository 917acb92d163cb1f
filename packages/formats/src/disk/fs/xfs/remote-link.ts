import { readBytes } from "../../read-bytes.ts";
import { extentMap } from "./extent-map.ts";
import { damaged } from "./xfs-error.ts";
import type { XfsInode } from "./xfs-inode.ts";
import type { XfsVolume } from "./xfs-volume.ts";

/** `XFS_SYMLINK_MAXLEN`. */
const MAX_TARGET = 1024;
/** `struct xfs_dsymlink_hdr` (Linux 6.12, fs/xfs/libxfs/xfs_format.h), before each extent in version 5. */
const HEADER = { magic: 0, offset: 4, bytes: 8, size: 56 } as const;
const SELF = { checksum: 12, uuid: 16, owner: 32, blkno: 40 } as const;
const MAGIC = 0x5853_4c4d; // "XSLM"

/** The target of a symbolic link that is in blocks of its own. Throws `disk/damaged`, `disk/truncated`. */
export function readRemoteLink(volume: XfsVolume, inode: XfsInode): Buffer {
  const { size, inode: number } = inode.stat;
  const what = `link ${number}`;
  const { blockSize, isV5 } = volume.superblock;
  const headerBytes = isV5 ? HEADER.size : 0;
  const mostBlocks = Math.ceil(MAX_TARGET / (blockSize - headerBytes));
  if (size > MAX_TARGET) throw damaged(what, `a target of ${size} bytes`, `${MAX_TARGET} at most`);
  const findRun = extentMap(volume, inode);
  const parts: Buffer[] = [];
  let done = 0;
  for (let logical = 0; done < size; ) {
    const { physical, count } = findRun(logical);
    if (physical === undefined || logical + count > mostBlocks) {
      throw damaged(what, `${count} blocks at block ${logical}`, `up to ${mostBlocks} with it`);
    }
    const bytes = readBytes(volume.reader, physical * blockSize, count * blockSize, what);
    const part = bytes.subarray(headerBytes, headerBytes + size - done);
    if (isV5) {
      verifyHeader(bytes, { offset: done, length: part.length }, what);
      volume.verifySelf(bytes, SELF, { block: physical, owner: number }, what);
    }
    parts.push(part);
    done += part.length;
    logical += count;
  }
  return Buffer.concat(parts);
}

function verifyHeader(
  bytes: Buffer,
  { offset, length }: { readonly offset: number; readonly length: number },
  what: string,
): void {
  const magic = bytes.readUInt32BE(HEADER.magic);
  const from = bytes.readUInt32BE(HEADER.offset);
  const room = bytes.readUInt32BE(HEADER.bytes);
  if (magic === MAGIC && from === offset && room === length) return;
  const seen = `magic 0x${magic.toString(16)}, ${room} bytes from byte ${from} on`;
  throw damaged(what, seen, `0x${MAGIC.toString(16)}, ${length} from byte ${offset} on`);
}
