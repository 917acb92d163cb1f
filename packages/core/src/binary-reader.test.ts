import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BinaryReader, CasemateError } from "./index.ts";

test("BinaryReader: reads little-endian and moves on", () => {
  const reader = new BinaryReader(
    Uint8Array.of(1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0x80),
    "x",
    "dump/truncated",
  );
  assert.equal(reader.u8("a"), 1);
  assert.equal(reader.u16("b"), 2);
  assert.equal(reader.u32("c"), 3);
  assert.equal(reader.u64("d"), 0x8000000000000004n);
  assert.equal(reader.remaining, 0);
});

test("BinaryReader: a read or seek past the end throws and never reads outside", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 32 }),
      fc.integer({ min: -4, max: 40 }),
      fc.integer({ min: -4, max: 40 }),
      (bytes, at, length) => {
        const backing = new Uint8Array(96).fill(0xee);
        backing.set(bytes, 32);
        const reader = new BinaryReader(
          backing.subarray(32, 32 + bytes.length),
          "x",
          "dump/truncated",
        );
        const inside = at >= 0 && length >= 0 && at + length <= bytes.length;
        const read = () => reader.seek(at).bytes("field", length);
        if (inside) assert.deepEqual([...read()], [...bytes.subarray(at, at + length)]);
        else assert.throws(read, CasemateError);
      },
    ),
  );
});
