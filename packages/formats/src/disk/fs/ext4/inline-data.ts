import { damaged } from "./ext4-error.ts";
import type { Ext4Inode } from "./ext4-inode.ts";

/** Linux 6.12, fs/ext4/xattr.h: `ext4_xattr_ibody_header` and `ext4_xattr_entry`. */
const MAGIC = 0xea02_0000;
const HEADER_BYTES = 4;
const ENTRY = {
  nameLength: 0,
  nameIndex: 1,
  valueOffset: 2,
  valueInode: 4,
  valueSize: 8,
  size: 16,
};
/** `EXT4_XATTR_INDEX_SYSTEM`, and the name under it that inline data have. */
const INDEX_SYSTEM = 7;
const NAME = "data";

/** Data that are in the inode itself: 60 bytes where pointers would be, then an extended attribute. */
export function inlineData(inode: Ext4Inode): Buffer {
  const { size, inode: number } = inode.stat;
  const rest = findSystemData(inode);
  const all = Buffer.concat([inode.block, rest]);
  if (size <= all.length) return all.subarray(0, size);
  throw damaged(`the data of inode ${number}`, `${all.length} bytes in it`, `${size}`);
}

/** The value of `system.data`; empty where there is none. */
function findSystemData({ attributes: bytes, stat }: Ext4Inode): Buffer {
  const what = `the attributes of inode ${stat.inode}`;
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return Buffer.alloc(0);
  const values = bytes.subarray(HEADER_BYTES);
  for (let at = 0; at + ENTRY.size <= values.length; ) {
    if (values.readUInt32LE(at) === 0) return Buffer.alloc(0);
    const nameLength = values.readUInt8(at + ENTRY.nameLength);
    const name = values.toString("latin1", at + ENTRY.size, at + ENTRY.size + nameLength);
    if (values.readUInt8(at + ENTRY.nameIndex) === INDEX_SYSTEM && name === NAME) {
      const start = values.readUInt16LE(at + ENTRY.valueOffset);
      const size = values.readUInt32LE(at + ENTRY.valueSize);
      const isElsewhere = values.readUInt32LE(at + ENTRY.valueInode) !== 0;
      if (isElsewhere || start + size > values.length) {
        throw damaged(what, `a value of ${size} bytes at ${start}`, "one in the inode");
      }
      return values.subarray(start, start + size);
    }
    at += ENTRY.size + Math.ceil(nameLength / 4) * 4;
  }
  return Buffer.alloc(0);
}
