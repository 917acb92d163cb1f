import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../bytes-reader.ts";
import { makeScratch, readAll, run } from "../disk.fixture.ts";
import { readBytes } from "../read-bytes.ts";
import { walkVolumes } from "../walk-volumes.ts";
import {
  buildPhysicalVolumes,
  EXTENT,
  extentOf,
  type LogicalSpec,
  linear,
  PE_START,
} from "./volume-group.fixture.ts";

const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const one = (name: string, extents: number, says: string): LogicalSpec => ({
  name,
  segments: [{ extents, says }],
});
const hidden = (name: string, extents: number, from: number): LogicalSpec => ({
  name,
  segments: [linear(extents, "pv0", from)],
  isHidden: true,
});
const thin = (name: string, extents: number, device: number, more = "") =>
  one(name, extents, `type = "thin"\nthin_pool = "pool"\ndevice_id = ${device}\n${more}`);

/** A chunk is an extent. */
const CHUNK_SECTORS = EXTENT / 512;
const MAPPED = 5000;
/** Chunks far from each other: a tree of some levels. */
const placeOf = (i: number) => i * 7;

const metadata = `<superblock uuid="" time="1" transaction="3" version="2" data_block_size="${CHUNK_SECTORS}" nr_data_blocks="16">
<device dev_id="1" mapped_blocks="3" transaction="0" creation_time="0" snap_time="1">
<range_mapping origin_begin="0" data_begin="5" length="2" time="0"/>
<single_mapping origin_block="4" data_block="3" time="1"/>
</device>
<device dev_id="2" mapped_blocks="${MAPPED}" transaction="1" creation_time="1" snap_time="1">
${Array.from({ length: MAPPED }, (_, i) => `<single_mapping origin_block="${placeOf(i)}" data_block="${i % 16}" time="1"/>`).join("\n")}
</device>
</superblock>`;

/** A disk with a pool; extents 0 to 15 are its metadata, 16 to 31 its data. */
function makePool(volumes: readonly LogicalSpec[]): Buffer {
  const [xml, restored] = [scratch.path("pool.xml"), scratch.path("pool.metadata")];
  writeFileSync(xml, metadata);
  writeFileSync(restored, "");
  truncateSync(restored, 16 * EXTENT);
  run("thin_restore", "-i", xml, "-o", restored);
  const says = `type = "thin-pool"
metadata = "pool_tmeta"
pool = "pool_tdata"
transaction_id = 3
chunk_size = ${CHUNK_SECTORS}`;
  const parts = [hidden("pool_tmeta", 16, 0), hidden("pool_tdata", 16, 16)];
  const [disk] = buildPhysicalVolumes({
    members: [40],
    volumes: [...parts, one("pool", 16, says), ...volumes],
  });
  assert.ok(disk !== undefined);
  readFileSync(restored).copy(disk, PE_START);
  return disk;
}

const open = (disk: Buffer) => [...walkVolumes([new BytesReader(disk)])].slice(1);
const nothing = Buffer.alloc(EXTENT);

test("LogicalVolumes: thin volumes as thin_restore has their mappings, and what they are above", () => {
  const disk = makePool([
    thin("small", 6, 1),
    thin("large", placeOf(MAPPED), 2),
    thin("above", 6, 1, `external_origin = "plain"`),
    { name: "plain", segments: [linear(2, "pv0", 38)] },
  ]);
  const data = (chunk: number) => extentOf([disk], 0, 16 + chunk);
  const [small, large, above, plain, ...others] = open(disk).map(({ reader }) => reader);
  assert.ok(small && large && above && plain && others.length === 0);
  const chunks = [data(5), data(6), nothing, nothing, data(3), nothing];
  assert.ok(readAll(small, 100_000).equals(Buffer.concat(chunks)));
  for (const i of [0, 1, 125, 126, 127, 2500, MAPPED - 1]) {
    const at = placeOf(i) * EXTENT;
    const seen = readBytes(large, at, 2 * EXTENT, "it");
    assert.ok(seen.equals(Buffer.concat([data(i % 16), nothing])), `${i}`);
  }
  assert.ok(readAll(above).equals(readAll(small)), "all that its origin has was written to it");
});

test("LogicalVolumes: pools whose metadata were changed, with and without a checksum that says so", () => {
  const sound = makePool([thin("large", placeOf(MAPPED), 2)]);
  const read = (disk: Buffer) => {
    for (const { reader, problem } of open(disk)) {
      if (problem !== undefined) throw problem;
      for (let i = 0; i < MAPPED; i += 50) readBytes(reader, placeOf(i) * EXTENT, 512, "it");
    }
  };
  read(sound);
  const root = PE_START + Number(sound.readBigUInt64LE(PE_START + 320)) * 4096;
  for (const at of [PE_START + 48, root + 40]) {
    const disk = Buffer.from(sound);
    disk.writeUInt8(disk.readUInt8(at) ^ 1, at);
    assert.throws(() => read(disk), { code: "disk/damaged" }, `${at}`);
  }
});

/** The store of a snapshot: chunks of 4 KiB, those of `changes` kept in it. */
function writeStore(
  disk: Buffer,
  at: number,
  changes: readonly (readonly [number, Buffer])[],
): void {
  const chunk = 4096;
  disk.fill(0, at, at + 32 * EXTENT);
  for (const [i, value] of [0x7041_6e53, 1, 1, 8].entries()) disk.writeUInt32LE(value, at + 4 * i);
  for (const [i, [old, bytes]] of changes.entries()) {
    const perArea = chunk / 16;
    const area = 1 + Math.floor(i / perArea) * (perArea + 1);
    const stored = area + 1 + (i % perArea);
    disk.writeBigUInt64LE(BigInt(old), at + area * chunk + (i % perArea) * 16);
    disk.writeBigUInt64LE(BigInt(stored), at + area * chunk + (i % perArea) * 16 + 8);
    bytes.copy(disk, at + stored * chunk);
  }
}

function makeSnapshot(changes: readonly (readonly [number, Buffer])[]): Buffer {
  const [disk] = buildPhysicalVolumes({
    members: [60],
    volumes: [
      { name: "root", segments: [linear(20, "pv0", 0)] },
      hidden("before", 32, 20),
      one(
        "snapshot0",
        20,
        `type = "snapshot"\nchunk_size = 8\norigin = "root"\ncow_store = "before"`,
      ),
    ],
  });
  assert.ok(disk !== undefined);
  writeStore(disk, PE_START + 20 * EXTENT, changes);
  return disk;
}

test("LogicalVolumes: a snapshot, whose store takes more than one area", () => {
  // Every chunk but the tenth, the last one first.
  const changes = Array.from(
    { length: 320 },
    (_, i) => [319 - i, Buffer.alloc(4096, `${i} `)] as const,
  ).filter(([old]) => old !== 10);
  const disk = makeSnapshot(changes);
  const [root, before, ...others] = open(disk).map(({ reader }) => reader);
  assert.ok(root && before && others.length === 0);
  const expected = readAll(root);
  for (const [old, bytes] of changes) bytes.copy(expected, old * 4096);
  assert.ok(readAll(before, 10_000).equals(expected));
});

test("LogicalVolumes: stores of snapshots that are none, or full, or lead beyond their end", () => {
  const at = PE_START + 20 * EXTENT;
  const cases: readonly (readonly [what: string, place: number, value: number, code: string])[] = [
    ["another magic", 0, 0, "disk/damaged"],
    ["invalid", 4, 0, "disk/damaged"],
    ["a version to come", 8, 2, "disk/unsupported"],
    ["chunks of nothing", 12, 0, "disk/damaged"],
    ["chunks of 2 TiB", 12, 0xffff_ffff, "disk/damaged"],
    ["a chunk beyond the end", 4096 + 8, 100_000, "disk/damaged"],
    ["a chunk of no origin", 4096 + 4, 0xffff_ffff, "disk/damaged"],
  ];
  for (const [what, place, value, code] of cases) {
    const disk = makeSnapshot([[1, nothing]]);
    disk.writeUInt32LE(value, at + place);
    assert.deepEqual(
      open(disk).map(({ problem }) => problem?.code),
      [undefined, code],
      what,
    );
  }
});
