import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../bytes-reader.ts";
import { makeScratch, run } from "../disk.fixture.ts";
import { readBytes } from "../read-bytes.ts";
import { openPartition, type PartitionTable, readPartitionTable } from "./partition-table.ts";
import { buildGpt, buildMbr } from "./table.fixture.ts";

const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

/** The table as util-linux's partx tells it: number, start and length in sectors, type, UUID and name. */
function partx(disk: Buffer): readonly string[] {
  const path = scratch.path("disk.raw");
  writeFileSync(path, disk);
  const columns = ["-g", "-r", "-b", "-o", "NR,START,SECTORS,TYPE,UUID,NAME"];
  const lines = run("partx", ...columns, path)
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(`"${line.trim()}"`.replace(/\\x(..)/g, "\\u00$1")));
}

function lines(table: PartitionTable | undefined): readonly string[] {
  return (table?.partitions ?? []).map(({ number, start, size, type, uuid, name }) => {
    const told = table?.scheme === "mbr" ? `0x${Number.parseInt(type, 16).toString(16)}` : type;
    const sectors = size / 512;
    return [number, start / 512, sectors, told, uuid, Buffer.from(name).toString("latin1")]
      .join(" ")
      .trim();
  });
}

test("readPartitionTable: primary and logical partitions as partx has them", () => {
  const slots = [
    { type: 0x83, start: 100, sectors: 200 },
    { type: 0x82, start: 300, sectors: 50 },
  ];
  for (const disk of [buildMbr(slots, 0, 0), buildMbr(slots, 400, 1), buildMbr(slots, 400, 6)]) {
    const table = readPartitionTable(new BytesReader(disk));
    assert.deepEqual(lines(table), partx(disk));
    assert.deepEqual(table?.problems, []);
  }
});

test("readPartitionTable: a GPT as partx has it", () => {
  const disk = buildGpt();
  const reader = new BytesReader(disk);
  const table = readPartitionTable(reader);
  assert.deepEqual(lines(table), partx(disk));
  assert.deepEqual(table?.problems, []);
  const root = table?.partitions[0];
  assert.ok(root !== undefined);
  disk.write("here", 64 * 512);
  assert.equal(readBytes(openPartition(reader, root), 0, 4, "it").toString(), "here");
  assert.throws(() => readBytes(openPartition(reader, root), root.size - 1, 2, "it"), {
    code: "disk/truncated",
  });
});

test("readPartitionTable: the second copy of a GPT serves where the first is damaged, and that is said", () => {
  const sound = lines(readPartitionTable(new BytesReader(buildGpt())));
  for (const at of [512 + 60, 1024 + 40]) {
    const disk = buildGpt();
    disk[at] = (disk[at] ?? 0) ^ 1;
    const table = readPartitionTable(new BytesReader(disk));
    assert.deepEqual(lines(table), sound);
    assert.deepEqual(
      table?.problems.map(({ code }) => code),
      ["disk/damaged"],
    );
    disk[2047 * 512 + 60] = 0;
    assert.throws(() => readPartitionTable(new BytesReader(disk)), { code: "disk/damaged" });
  }
});

test("readPartitionTable: a chain of extended partitions that leads back ends, and that is said", () => {
  const disk = buildMbr([], 400, 3);
  disk.writeUInt32LE(0, 800 * 512 + 446 + 16 + 8); // the last but one: to the first
  disk.writeUInt8(0x05, 800 * 512 + 446 + 16 + 4);
  disk.writeUInt32LE(9, 800 * 512 + 446 + 16 + 12);
  const table = readPartitionTable(new BytesReader(disk));
  assert.equal(table?.partitions.length, 4);
  assert.equal(table.problems[0]?.code, "disk/damaged");
});

test("readPartitionTable: no table", () => {
  assert.equal(readPartitionTable(new BytesReader(Buffer.alloc(1024 * 1024))), undefined);
  assert.equal(readPartitionTable(new BytesReader(Buffer.alloc(10))), undefined);
});
