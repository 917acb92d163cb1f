import { crc32c } from "../../../crc32c.ts";

const SUPERBLOCK_AT = 65_536;
const SUPERBLOCK_BYTES = 4096;
const NODE_SIZE_AT = 0x94;
const CHECKSUM_ROOM = 32;

/**
 * What gives the superblock and the tree blocks of a changed copy of `sound` their checksums again, so that
 * what is in them is looked at.
 */
export function makeSeal(sound: Buffer): (changed: Buffer) => void {
  const nodeSize = sound.readUInt32LE(SUPERBLOCK_AT + NODE_SIZE_AT);
  const places: [at: number, size: number][] = [[SUPERBLOCK_AT, SUPERBLOCK_BYTES]];
  for (let at = 0; at + nodeSize <= sound.length; at += 4096) {
    if (at === SUPERBLOCK_AT || sound.readUInt32LE(at) === 0) continue;
    if (sound.readUInt32LE(at) === sumUp(sound, at, nodeSize)) places.push([at, nodeSize]);
  }
  return (changed) => {
    for (const [at, size] of places)
      if (at + size <= changed.length) changed.writeUInt32LE(sumUp(changed, at, size), at);
  };
}

function sumUp(bytes: Buffer, at: number, size: number): number {
  return ~crc32c(0xffff_ffff, bytes.subarray(at + CHECKSUM_ROOM, at + size)) >>> 0;
}
