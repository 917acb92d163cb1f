import assert from "node:assert/strict";
import { test } from "node:test";
import { runDiskMutants } from "../../fuzz/disk-mutants.ts";
import { BytesReader } from "./bytes-reader.ts";
import { openFileSystem, openImageChain, Qcow2Image, readPartitionTable } from "./index.ts";

/** A qcow2 header of version 3 with what is given in it, and nothing behind it. */
function buildHeader(
  fields: Readonly<Record<number, readonly [bytes: 1 | 4 | 8, value: number]>>,
): Buffer {
  const image = Buffer.alloc(512 * 1024);
  image.writeUInt32BE(0x5146_49fb, 0);
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(16, 20); // cluster_bits
  image.writeBigUInt64BE(1024n * 1024n, 24); // size
  image.writeUInt32BE(1, 36); // l1_size
  image.writeBigUInt64BE(0x1_0000n, 40); // l1_table_offset
  image.writeUInt32BE(4, 96); // refcount_order
  image.writeUInt32BE(104, 100); // header_length
  for (const [at, [width, value]] of Object.entries(fields)) {
    if (width === 1) image.writeUInt8(value, Number(at));
    else if (width === 4) image.writeUInt32BE(value, Number(at));
    else image.writeBigUInt64BE(BigInt(value), Number(at));
  }
  return image;
}

const open = (bytes: Buffer) => new Qcow2Image(new BytesReader(bytes));

test("Qcow2Image: headers that no tool writes", () => {
  const cases = {
    "a version to come": [{ 4: [4, 4] }, "disk/unsupported"],
    "unknown incompatible features": [{ 72: [8, 2 ** 40] }, "disk/unsupported"],
    "clusters of 4 GiB": [{ 20: [4, 32] }, "disk/damaged"],
    "clusters of 1 byte": [{ 20: [4, 0] }, "disk/damaged"],
    "an L1 table of 32 GiB": [{ 36: [4, 0xffff_ffff] }, "disk/damaged"],
    "an L1 table that is too short": [{ 24: [8, 2 ** 52] }, "disk/damaged"],
    "an L1 table beyond the end": [{ 40: [8, 0x1000_0000] }, "disk/truncated"],
    "an L1 table between clusters": [{ 40: [8, 0x1_0200] }, "disk/damaged"],
    "a backing file's name beyond its cluster": [{ 8: [8, 65_530], 16: [4, 100] }, "disk/damaged"],
    "a name of 1 GiB": [{ 8: [8, 512], 16: [4, 2 ** 30] }, "disk/damaged"],
    "an extension without end": [{ 104: [4, 7], 108: [4, 0xffff_fff0] }, "disk/damaged"],
    "a header longer than its cluster": [{ 100: [4, 0x7fff_ffff] }, "disk/damaged"],
  } as const;
  assert.equal(open(buildHeader({})).size, 1024 * 1024);
  for (const [name, [fields, code]] of Object.entries(cases)) {
    assert.throws(() => open(buildHeader(fields)), { code }, name);
  }
});

test("Qcow2Image: an L2 table that is itself, and a compressed cluster that grows without end", () => {
  const cyclic = buildHeader({ 65536: [8, 0x1_0000] }); // the L1 table is its own L2 table
  const disk = open(cyclic);
  const target = Buffer.alloc(65_536);
  disk.read(0, target);
  assert.ok(target.equals(cyclic.subarray(0x1_0000, 0x2_0000)), "it is read once and no more");
  assert.equal([...disk.walkRuns()].length, 2);

  // 64 KiB of deflated zeros that make 64 MiB.
  const bomb = buildHeader({ 65536: [8, 0x2_0000] });
  bomb.writeUInt32BE(0x4000_0000 | 0x3fc0_0000, 0x2_0000);
  bomb.writeUInt32BE(0x3_0000, 0x2_0004);
  bomb.fill(0, 0x3_0000);
  assert.throws(() => open(bomb).read(0, target), { code: "disk/damaged" });
});

test("Qcow2Image: snapshots without end", () => {
  const many = buildHeader({ 60: [4, 0xffff_ffff], 64: [8, 0x2_0000] });
  assert.throws(() => open(many).snapshots(), { code: "disk/damaged" });
  const long = buildHeader({ 60: [4, 1], 64: [8, 0x2_0000], 131108: [4, 0xffff_ffff] });
  assert.throws(() => open(long).snapshots(), { code: "disk/damaged" });
});

test("openImageChain, openFileSystem, readPartitionTable: nothing, and nothing but zeros or ones", () => {
  assert.throws(() => openImageChain([]), { code: "disk/unsupported" });
  for (const length of [0, 1, 511, 512, 4096, 100_000]) {
    for (const fill of [0, 0xff]) {
      const reader = new BytesReader(Buffer.alloc(length, fill));
      assert.throws(() => openFileSystem(reader), { code: "disk/unknown-format" });
      assert.equal(readPartitionTable(reader), undefined);
    }
  }
});

test("disks: 1,000 mutants of many kinds; packages/formats/fuzz/disk.fuzz.ts makes as many as it is told", async (t) => {
  const { mutants, outcomes, worst } = await runDiskMutants(1_000_000, 1000);
  t.diagnostic(JSON.stringify({ mutants, outcomes, worst }));
  assert.equal(mutants, 1000);
});
