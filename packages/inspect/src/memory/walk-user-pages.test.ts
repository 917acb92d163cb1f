import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { ByteMemory } from "../../test/byte-memory.ts";
import { PAGE, PAGE_2M, PageTableBuilder } from "../../test/page-table-builder.ts";
import { Budget } from "../budget.ts";
import type { PagingLevels } from "./page-tables.ts";
import { PhysicalReader } from "./physical-reader.ts";
import { walkUserPages } from "./walk-user-pages.ts";

const ROOT = 0x1000;
const SIZE = 6 * 1024 * 1024;
const BASE = 0x7f00_0000_0000n;

function build(levels: PagingLevels) {
  const memory = new ByteMemory(new Uint8Array(SIZE));
  const builder = new PageTableBuilder(memory.view, levels, ROOT, 0x2000);
  const walk = (start: bigint, end: bigint, steps?: number) => [
    ...walkUserPages(
      new PhysicalReader(memory),
      ROOT,
      levels,
      gva(start),
      gva(end),
      new Budget(steps === undefined ? {} : { steps }),
    ),
  ];
  /** The entry that `builder` wrote for `physical`. */
  const entryFor = (physical: number) => {
    for (let at = ROOT; at < SIZE; at += 8) {
      if ((memory.view.getBigUint64(at, true) & 0x000f_ffff_ffff_f000n) === BigInt(physical)) {
        return at;
      }
    }
    throw new Error("no such entry");
  };
  return { memory, builder, walk, entryFor };
}

for (const levels of [4, 5] as const) {
  test(`walkUserPages: ${levels} levels give pages of 4 KiB and 2 MiB and skip what no table has`, () => {
    const { builder, walk } = build(levels);
    builder.map(BASE, 0x10_0000, PAGE);
    builder.map(BASE + BigInt(PAGE_2M), 0x20_0000, PAGE_2M);
    const found = walk(BASE, BASE + BigInt(2 * PAGE_2M), 1024);
    const present = found.filter(({ kind }) => kind === "present");
    assert.deepEqual(present, [
      { kind: "present", address: BASE, length: PAGE, physical: 0x10_0000 },
      { kind: "present", address: BASE + 0x20_0000n, length: PAGE_2M, physical: 0x20_0000 },
    ]);
    assert.equal(
      found.reduce((sum, { length }) => sum + length, 0),
      2 * PAGE_2M,
    );
  });
}

test("walkUserPages: a range that begins and ends inside of a huge page", () => {
  const { builder, walk } = build(4);
  builder.map(BASE, 0x20_0000, PAGE_2M);
  assert.deepEqual(walk(BASE + 0x5000n, BASE + 0x8000n), [
    { kind: "present", address: BASE + 0x5000n, length: 0x3000, physical: 0x20_5000 },
  ]);
});

test("walkUserPages: a terabyte that nobody touched costs a few steps", () => {
  const found = build(5).walk(BASE, BASE + (1n << 40n), 10);
  assert.ok(found.every(({ kind }) => kind === "absent"));
  assert.equal(
    found.reduce((sum, { length }) => sum + length, 0),
    2 ** 40,
  );
});

test("walkUserPages: what is swapped out, and what may not be touched now though it is in RAM", () => {
  const { memory, builder, walk, entryFor } = build(4);
  builder.map(BASE, 0x10_0000, PAGE);
  builder.map(BASE + 0x1000n, 0x11_0000, PAGE);
  memory.view.setBigUint64(entryFor(0x10_0000), 0x0bad_cafe_0000n, true);
  // PROT_NONE: not present, _PAGE_GLOBAL set, the frame inverted.
  const inverted = (~0x11_0000n & 0x000f_ffff_ffff_f000n) | 0x100n;
  memory.view.setBigUint64(entryFor(0x11_0000), inverted, true);
  assert.deepEqual(walk(BASE, BASE + 0x2000n), [
    { kind: "swapped", address: BASE, length: PAGE },
    { kind: "present", address: BASE + 0x1000n, length: PAGE, physical: 0x11_0000 },
  ]);
});

test("walkUserPages: tables that point at themselves or out of RAM end with the budget or as absent", () => {
  const { memory, walk } = build(4);
  for (let slot = 0; slot < 512; slot += 1) {
    memory.view.setBigUint64(ROOT + slot * 8, BigInt(ROOT | 3), true);
  }
  assert.throws(() => walk(0n, 1n << 47n, 2_000), { code: "inspect/budget" });
  memory.view.setBigUint64(ROOT, 0x000f_ffff_ffff_f003n, true);
  assert.deepEqual(walk(0n, 0x1000n), [{ kind: "absent", address: 0n, length: PAGE }]);
});
