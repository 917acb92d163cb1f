import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteMemory } from "../../test/byte-memory.ts";
import { PAGE, PAGE_1G, PAGE_2M, PageTableBuilder } from "../../test/page-table-builder.ts";
import { PageTables, type PagingLevels, UNMAPPED } from "./page-tables.ts";
import { PhysicalReader } from "./physical-reader.ts";

const ROOT = 0x1000;

function build(levels: PagingLevels) {
  const memory = new ByteMemory(new Uint8Array(256 * 1024));
  return {
    memory,
    builder: new PageTableBuilder(memory.view, levels, ROOT, 0x2000),
    tables: new PageTables(new PhysicalReader(memory), ROOT, levels),
  };
}

for (const levels of [4, 5] as const) {
  const base = levels === 5 ? 0xff11_2345_4000_0000n : 0xffff_8881_4000_0000n;

  test(`PageTables: ${levels} levels translate pages of 4 KiB, 2 MiB and 1 GiB`, () => {
    const { builder, tables } = build(levels);
    builder.map(base, 0x5000, PAGE);
    builder.map(base + BigInt(PAGE_2M), 0x1_2340_0000, PAGE_2M);
    builder.map(base + BigInt(PAGE_1G), 0x7f_c000_0000, PAGE_1G);
    assert.equal(tables.translate(base + 0xabcn), 0x5abc);
    assert.equal(tables.translate(base + BigInt(PAGE_2M) + 0x1f_fff8n), 0x1_235f_fff8);
    assert.equal(tables.translate(base + BigInt(PAGE_1G) + 0x3fff_ffffn), 0x7f_ffff_ffff);
    assert.equal(tables.translate(base + 0x1000n), UNMAPPED);
    assert.equal(tables.translate(base - 1n), UNMAPPED);
  });

  test(`PageTables: ${levels} levels refuse what is not canonical`, () => {
    const { builder, tables } = build(levels);
    builder.map(base, 0x5000, PAGE);
    const top = levels === 5 ? 57n : 48n;
    assert.equal(tables.isCanonical(base), true);
    assert.equal(tables.translate(base ^ (1n << 63n)), UNMAPPED);
    assert.equal(tables.translate(base ^ (1n << top)), UNMAPPED);
  });
}

test("PageTables: an entry for 2 MiB that changed is seen after refresh", () => {
  const { builder, tables } = build(4);
  const base = 0xffff_8881_4000_0000n;
  builder.map(base, 0x4000_0000, PAGE_2M);
  assert.equal(tables.translate(base + 0x1234n), 0x4000_1234);
  builder.map(base, 0x6000_0000, PAGE_2M);
  tables.refresh();
  assert.equal(tables.translate(base + 0x1234n), 0x6000_1234);
  assert.equal(tables.translate(base + BigInt(PAGE_2M)), UNMAPPED);
});

test("PageTables: tables that refer to themselves end", () => {
  const { memory, tables } = build(4);
  for (let entry = 0; entry < 512; entry += 1) {
    memory.view.setBigUint64(ROOT + entry * 8, BigInt(ROOT | 3), true);
  }
  assert.equal(tables.translate(0xffff_8881_4000_0123n), ROOT + 0x123);
});

test("PageTables: tables outside of RAM map nothing", () => {
  const { memory, tables } = build(5);
  memory.view.setBigUint64(ROOT + 0x110 * 8, 0x000f_ffff_ffff_f003n, true);
  assert.equal(tables.translate(0xff10_0000_0000_0000n), UNMAPPED);
});

test("PageTables: any tables translate any address without a throw", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16384, maxLength: 16384 }),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc.constantFrom(4 as const, 5 as const),
      (bytes, address, levels) => {
        const memory = new ByteMemory(Uint8Array.from(bytes));
        const found = new PageTables(new PhysicalReader(memory), 0, levels).translate(address);
        assert.ok(found >= UNMAPPED && found < 2 ** 52);
      },
    ),
    { numRuns: 50 },
  );
});
