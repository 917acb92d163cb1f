import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteMemory } from "../../test/byte-memory.ts";
import { PhysicalReader } from "./physical-reader.ts";

const SIZE = 4 * 4096;
const fault = { code: "kernel/damaged", name: "CasemateError" };

function counting(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: SIZE }, (_, i) => (i * 7) & 0xff);
}

for (const windowShift of [12, 13, 30]) {
  test(`PhysicalReader: reads across windows of 2^${windowShift} bytes`, () => {
    const memory = new ByteMemory(counting(), { windowShift });
    const reader = new PhysicalReader(memory);
    for (const at of [0, 1, 4089, 4090, 4095, 8191, SIZE - 8]) {
      assert.equal(reader.u8(at), memory.view.getUint8(at));
      assert.equal(reader.u16(at), memory.view.getUint16(at, true));
      assert.equal(reader.u32(at), memory.view.getUint32(at, true));
      assert.equal(reader.u64(at), memory.view.getBigUint64(at, true));
    }
    assert.deepEqual(reader.copy(100, 9000), memory.bytes.slice(100, 9100));
    assert.equal(reader.equals(100, memory.bytes.slice(100, 9100)), true);
    assert.equal(reader.equals(101, memory.bytes.slice(100, 9100)), false);
  });

  test(`PhysicalReader: faults outside of RAM with windows of 2^${windowShift} bytes`, () => {
    const reader = new PhysicalReader(new ByteMemory(counting(), { windowShift }));
    assert.throws(() => reader.u8(SIZE), fault);
    assert.throws(() => reader.u64(SIZE - 7), fault);
    assert.throws(() => reader.u32(-1), fault);
    assert.throws(() => reader.u32(Number.NaN), fault);
    assert.throws(() => reader.copy(SIZE - 10, 11), fault);
    assert.equal(reader.u8(0), 0);
  });
}

test("PhysicalReader.has: knows holes", () => {
  const ranges = [
    [0, 4096],
    [8192, SIZE],
  ] as const;
  const reader = new PhysicalReader(new ByteMemory(counting(), { windowShift: 12, ranges }));
  assert.equal(reader.has(0, 4096), true);
  assert.equal(reader.has(4095, 2), false);
  assert.equal(reader.has(8192, 8), true);
  assert.equal(reader.has(SIZE - 7, 8), false);
  assert.throws(() => reader.u8(5000), fault);
});
