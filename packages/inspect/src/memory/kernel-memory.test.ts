import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { ByteMemory } from "../../test/byte-memory.ts";
import { PAGE, PageTableBuilder } from "../../test/page-table-builder.ts";
import { KernelMemory } from "./kernel-memory.ts";
import { PageTables } from "./page-tables.ts";
import { PhysicalReader } from "./physical-reader.ts";

const DIRECT = 0xffff_8881_0000_0000n;
const IMAGE = 0xffff_ffff_8100_0000n;
const VMALLOC = 0xffff_c900_0000_1000n;
const SIZE = 64 * 1024;

/** Two pages of vmalloc memory that are neighbours in virtual memory only. */
function build() {
  const memory = new ByteMemory(new Uint8Array(SIZE), { windowShift: 12 });
  const builder = new PageTableBuilder(memory.view, 4, 0x8000, 0x9000);
  builder.map(VMALLOC, 0x3000, PAGE);
  builder.map(VMALLOC + 0x1000n, 0x1000, PAGE);
  for (let at = 0x1000; at < 0x4000; at += 1) memory.bytes[at] = (at * 13 + (at >> 8)) & 0xff;
  const physical = new PhysicalReader(memory);
  const kernel = new KernelMemory(
    physical,
    new PageTables(physical, 0x8000, 4),
    { base: gva(DIRECT), size: BigInt(SIZE), physical: 0 },
    { base: gva(IMAGE), size: 0x1000n, physical: 0x2000 },
  );
  return { memory, kernel };
}

test("KernelMemory: reads the direct map and the kernel image", () => {
  const { memory, kernel } = build();
  assert.equal(kernel.u64(gva(DIRECT), 0x1ff8), memory.view.getBigUint64(0x1ff8, true));
  assert.equal(kernel.u32(gva(IMAGE + 16n), 4), memory.view.getUint32(0x2014, true));
  assert.equal(kernel.translate(gva(IMAGE + 16n)), 0x2010);
});

test("KernelMemory: reads vmalloc memory across pages that are apart in RAM", () => {
  const { memory, kernel } = build();
  const expected = new Uint8Array([
    ...memory.bytes.slice(0x3ffc, 0x4000),
    ...memory.bytes.slice(0x1000, 0x1004),
  ]);
  assert.deepEqual(kernel.bytes(gva(VMALLOC + 0xffcn), 8), expected);
  const view = new DataView(expected.buffer);
  for (const at of [gva(VMALLOC + 0xffcn), gva(VMALLOC)]) {
    const offset = at === VMALLOC ? 0xffc : 0;
    assert.equal(kernel.u64(at, offset), view.getBigUint64(0, true));
    assert.equal(kernel.u32(at, offset + 2), view.getUint32(2, true));
    assert.equal(kernel.u16(at, offset + 3), view.getUint16(3, true));
  }
});

test("KernelMemory: copies pages that follow each other in RAM and pages that do not", () => {
  const { memory, kernel } = build();
  assert.deepEqual(kernel.bytes(gva(DIRECT + 0x1800n), 0x2400), memory.bytes.slice(0x1800, 0x3c00));
  const apart = [...memory.bytes.slice(0x3000, 0x4000), ...memory.bytes.slice(0x1000, 0x2000)];
  assert.deepEqual(kernel.bytes(gva(VMALLOC), 0x2000), new Uint8Array(apart));
  assert.deepEqual(kernel.bytes(gva(VMALLOC), 0), new Uint8Array());
});

test("KernelMemory.holds: as u64 says, in one page and across two", () => {
  const { kernel } = build();
  for (const [at, offset] of [
    [gva(DIRECT + 0x1000n), 0x10],
    [gva(DIRECT + 0x1100n), -0x80],
    [gva(VMALLOC), 0xffc],
  ] as const) {
    const value = kernel.u64(at, offset);
    assert.equal(kernel.holds(at, offset, value), true);
    assert.equal(kernel.holds(at, offset, value ^ 1n), false);
    assert.equal(kernel.holds(at, offset, value ^ (1n << 63n)), false);
  }
  assert.throws(() => kernel.holds(gva(0n), 0, 0n), { code: "kernel/damaged" });
});

test("KernelMemory: sees a changed page table after refresh", () => {
  const { memory, kernel } = build();
  assert.equal(kernel.translate(gva(VMALLOC)), 0x3000);
  new PageTableBuilder(memory.view, 4, 0x8000, 0xe000).map(VMALLOC, 0x2000, PAGE);
  kernel.refresh();
  assert.equal(kernel.translate(gva(VMALLOC)), 0x2000);
});

test("KernelMemory: faults on pointers that a kernel does not have", () => {
  const { kernel } = build();
  const wrong = [
    [0n, /a null pointer/],
    [0x8n, /a null pointer/],
    [0x7fff_0000_0000n, /a user address/],
    [0xdead_0000_0000_0100n, /no address/],
    [VMALLOC - 1n, /no page is mapped/],
    [0xffff_ffff_ffff_ffffn, /no page is mapped/],
  ] as const;
  for (const [address, words] of wrong) {
    assert.throws(() => kernel.u64(gva(address)), { code: "kernel/damaged", message: words });
  }
  assert.throws(() => kernel.bytes(gva(DIRECT), 2 ** 40), { code: "kernel/damaged" });
});

test("KernelMemory.string: ends at NUL, at the limit, and decodes what is not UTF-8", () => {
  const { memory, kernel } = build();
  memory.bytes.set(Buffer.from("caf\u00e9\0", "latin1"), 0x4000);
  memory.bytes.set(Buffer.from("grün\0", "utf8"), 0x4100);
  memory.bytes.fill(0x61, 0x5000, 0x5400);
  assert.equal(kernel.string(gva(DIRECT + 0x4000n)), "café");
  assert.equal(kernel.string(gva(DIRECT + 0x4100n)), "grün");
  assert.equal(kernel.string(gva(DIRECT + 0x5000n), 700), "a".repeat(700));
});
