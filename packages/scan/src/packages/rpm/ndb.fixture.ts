/** rpm 4.18, lib/backend/ndb/rpmpkg.c. */
const PAGE_BYTES = 4096;
const BLOCK_BYTES = 16;

/**
 * A `Packages.db` with these headers, every second slot free: what rpm writes, where it is built with ndb.
 * rpm 4.20.1 lists the same packages of it.
 */
export function makeNdbDatabase(blobs: readonly Buffer[]): Buffer {
  const pages = Math.ceil(((blobs.length + 1) * 2 * BLOCK_BYTES) / PAGE_BYTES);
  const slots = Buffer.alloc(pages * PAGE_BYTES);
  slots.write("RpmP", 0, "latin1");
  slots.writeUInt32LE(1, 8);
  slots.writeUInt32LE(pages, 12);
  slots.writeUInt32LE(blobs.length + 1, 16);
  for (let at = 2 * BLOCK_BYTES; at < slots.length; at += BLOCK_BYTES) {
    slots.write("Slot", at, "latin1");
  }
  const parts: Buffer[] = [slots];
  let offset = slots.length;
  for (const [i, blob] of blobs.entries()) {
    const part = makeBlob(i + 1, blob);
    const slot = (2 + i * 2) * BLOCK_BYTES;
    slots.writeUInt32LE(i + 1, slot + 4);
    slots.writeUInt32LE(offset / BLOCK_BYTES, slot + 8);
    slots.writeUInt32LE(part.length / BLOCK_BYTES, slot + 12);
    parts.push(part);
    offset += part.length;
  }
  return Buffer.concat(parts);
}

function makeBlob(index: number, data: Buffer): Buffer {
  const length = Math.ceil((16 + data.length + 12) / BLOCK_BYTES) * BLOCK_BYTES;
  const blob = Buffer.alloc(length);
  blob.write("BlbS", 0, "latin1");
  blob.writeUInt32LE(index, 4);
  blob.writeUInt32LE(1, 8);
  blob.writeUInt32LE(data.length, 12);
  data.copy(blob, 16);
  blob.writeUInt32LE(adler32(blob.subarray(0, length - 12)), length - 12);
  blob.writeUInt32LE(data.length, length - 8);
  blob.write("BlbE", length - 4, "latin1");
  return blob;
}

/** RFC 1950, 8.2. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}
