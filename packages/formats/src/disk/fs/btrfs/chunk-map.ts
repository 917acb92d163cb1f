import { StructTable } from "../../struct-table.ts";
import { damaged, unsupported } from "./btrfs-error.ts";
import { ItemType, KEY_BYTES, parseKey, readS64 } from "./tree-key.ts";

/** Linux 6.12, include/uapi/linux/btrfs_tree.h, `struct btrfs_chunk`, without its stripes. */
const CHUNK = new StructTable("btrfs_chunk", "little", 48, {
  length: [0x00, "u64"],
  type: [0x18, "u64"],
  num_stripes: [0x2c, "u16"],
});
/** `struct btrfs_stripe`: devid, offset, dev_uuid. */
const STRIPE_BYTES = 32;
const STRIPE_OFFSET_AT = 8;

/** `BTRFS_BLOCK_GROUP_*`: the profile; none is SINGLE. */
const PROFILES = {
  RAID0: 0x8n,
  RAID1: 0x10n,
  DUP: 0x20n,
  RAID10: 0x40n,
  RAID5: 0x80n,
  RAID6: 0x100n,
  RAID1C3: 0x200n,
  RAID1C4: 0x400n,
} as const;
const ALL_PROFILES = Object.values(PROFILES).reduce((all, bit) => all | bit, 0n);

/** A chunk is a tenth of a device at most, 1 GiB mostly: enough for half a pebibyte. */
const MAX_CHUNKS = 2 ** 19;

/** A run of logical addresses and where its bytes are on the device: once, or twice with DUP. */
interface Chunk {
  readonly start: number;
  readonly length: number;
  readonly copies: readonly number[];
}

/** Where logical addresses lead to: copies on the device, each for as many bytes. */
export interface PhysicalRun {
  /** In bytes from the device's start, at least one. */
  readonly copies: readonly number[];
  readonly length: number;
}

/** Where logical addresses are on the one device. HOSTILE: no two chunks may be at the same address. */
export class ChunkMap {
  readonly #deviceId: bigint;
  readonly #sectorSize: number;
  readonly #chunks: Chunk[] = [];

  constructor(deviceId: bigint, sectorSize: number) {
    this.#deviceId = deviceId;
    this.#sectorSize = sectorSize;
  }

  /** Adds the chunks of the superblock, with which the chunk tree is found. Throws `disk/*`. */
  addSystemChunks(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const chunkAt = at + KEY_BYTES;
      if (chunkAt + CHUNK.size > bytes.length)
        throw damaged("the system chunks", `${bytes.length - at} bytes more`, "a chunk");
      const { type, offset } = parseKey(bytes, at);
      if (type !== ItemType.chunk) throw damaged("the system chunks", `a key of ${type}`, "228");
      at = chunkAt + this.add(offset, bytes.subarray(chunkAt));
    }
  }

  /** Adds the chunk at logical address `start`; returns the bytes of its item. Throws `disk/*`. */
  add(start: number, item: Buffer): number {
    const what = `chunk ${start}`;
    if (item.length < CHUNK.size) throw damaged(what, `an item of ${item.length} bytes`, "48");
    const raw = CHUNK.parse(item);
    const length = Number(raw.length);
    const size = CHUNK.size + raw.num_stripes * STRIPE_BYTES;
    const isSound =
      Number.isSafeInteger(start) &&
      Number.isSafeInteger(start + length) &&
      start >= 0 &&
      length > 0 &&
      (start % this.#sectorSize) + (length % this.#sectorSize) === 0 &&
      raw.num_stripes > 0 &&
      size <= item.length;
    if (!isSound) {
      const seen = `${raw.length} bytes in ${raw.num_stripes} stripes`;
      throw damaged(what, seen, "sectors in the stripes of its item");
    }
    verifyProfile(what, raw.type & ALL_PROFILES, raw.num_stripes);
    const copies: number[] = [];
    for (let at = CHUNK.size; at < size; at += STRIPE_BYTES) {
      const device = item.readBigUInt64LE(at);
      if (device !== this.#deviceId)
        throw unsupported(what, `a stripe on device ${device}`, `all on ${this.#deviceId}`);
      const offset = readS64(item, at + STRIPE_OFFSET_AT);
      if (offset < 0 || !Number.isSafeInteger(offset + length))
        throw damaged(what, `a stripe at byte ${offset}`, "one within the device");
      copies.push(offset);
    }
    this.#insert({ start, length, copies });
    return size;
  }

  /** The copies of what is at a logical address, as far as they go on, up to `length` bytes. */
  find(logical: number, length: number): PhysicalRun {
    const chunk = this.#chunks[this.#lastAtOrBefore(logical)];
    const skipped = logical - (chunk?.start ?? 0);
    if (chunk === undefined || skipped >= chunk.length)
      throw damaged(`byte ${logical}`, "no chunk of that address", "one");
    const copies = chunk.copies.map((offset) => offset + skipped);
    return { copies, length: Math.min(length, chunk.length - skipped) };
  }

  #insert(chunk: Chunk): void {
    const at = this.#lastAtOrBefore(chunk.start);
    const before = this.#chunks[at];
    // The chunks of the superblock are in the chunk tree as well, and that is right.
    if (before?.start === chunk.start && before.length === chunk.length) {
      this.#chunks[at] = chunk;
      return;
    }
    const after = this.#chunks[at + 1];
    const overlaps =
      (before !== undefined && before.start + before.length > chunk.start) ||
      (after !== undefined && after.start < chunk.start + chunk.length);
    if (overlaps) throw damaged(`chunk ${chunk.start}`, "another at the same address", "one");
    if (this.#chunks.length >= MAX_CHUNKS)
      throw unsupported("the chunks", `more than ${MAX_CHUNKS}`, "fewer");
    this.#chunks.splice(at + 1, 0, chunk);
  }

  /** The number of the last chunk that begins at or before an address; -1 where all begin after it. */
  #lastAtOrBefore(logical: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.start ?? 0) <= logical) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** SINGLE, DUP, and RAID0 over one device, which is the same as SINGLE. */
function verifyProfile(what: string, profile: bigint, stripes: number): void {
  const isOnce = (profile === 0n || profile === PROFILES.RAID0) && stripes === 1;
  if (isOnce || (profile === PROFILES.DUP && stripes === 2)) return;
  const names = Object.entries(PROFILES).flatMap(([name, bit]) => (profile & bit ? name : []));
  const seen = `profile ${names.join("+") || "SINGLE"} in ${stripes} stripes`;
  throw unsupported(what, seen, "SINGLE or DUP on one device");
}
