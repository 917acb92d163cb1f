import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packedPage } from "../kdump/packed-page.fixture.ts";
import { expandLzo1x } from "./lzo1x.ts";

const END = [0x11, 0, 0];

const expand = (block: readonly number[], length = 4096): number[] | undefined => {
  const target = new Uint8Array(length);
  const made = expandLzo1x(Uint8Array.from(block), target);
  return made === undefined ? undefined : [...target.subarray(0, made)];
};

for (const name of ["lzo1x1", "lzo1x999"] as const) {
  test(`expandLzo1x: what the real compressor made (${name})`, () => {
    const target = Buffer.alloc(4096);
    assert.equal(expandLzo1x(Buffer.from(packedPage[name], "base64"), target), 4096);
    assert.ok(target.equals(packedPage.page));
  });

  test(`expandLzo1x: no block cut short is expanded (${name})`, () => {
    const block = Buffer.from(packedPage[name], "base64");
    for (let length = 0; length < block.length; length += 1) {
      assert.equal(expandLzo1x(block.subarray(0, length), Buffer.alloc(4096)), undefined);
    }
  });
}

test("expandLzo1x: each instruction, by the sentence that describes it", () => {
  // 18..255 first: so many literals less 17.
  assert.deepEqual(expand([18, 7, ...END]), [7]);
  // 1 L L D D D S S: 5 to 8 bytes from near; here 5 from 1 before, which reaches into itself.
  assert.deepEqual(expand([18, 7, 0x80, 0, ...END]), [7, 7, 7, 7, 7, 7]);
  // 0 0 0 0 D D S S behind 1 to 3 literals: 2 bytes; its S says that 1 literal follows.
  assert.deepEqual(expand([19, 1, 2, 0x05, 0, 9, ...END]), [1, 2, 1, 2, 9]);
  // 0 0 1 L L L L L with L 0: 2 + 31 + 255 bytes for each zero + the first other byte.
  assert.equal(expand([18, 7, 0x20, 0, 1, 0, 0, ...END])?.length, 1 + 2 + 31 + 255 + 1);
  // 0 0 0 0 L L L L at the start: 3 + L literals.
  assert.deepEqual(expand([1, 1, 2, 3, 4, ...END]), [1, 2, 3, 4]);
});

test("expandLzo1x: refuses what reaches before the start, beyond the target or has no end", () => {
  assert.equal(expand([18, 7, 0x80, 1, ...END]), undefined);
  assert.equal(expand([18, 7, 0x80, 0, ...END], 5), undefined);
  assert.equal(expand([18, 7, 0x80, 0]), undefined);
  assert.equal(expand([0x20, ...new Array<number>(5000).fill(0)]), undefined);
});

test("expandLzo1x: any change to a block ends within the target", () => {
  const block = Buffer.from(packedPage.lzo1x1, "base64");
  const edits = fc.array(fc.tuple(fc.nat(block.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(edits, (changes) => {
      const bytes = Buffer.from(block);
      for (const [at, value] of changes) bytes[at] = value;
      const made = expandLzo1x(bytes, Buffer.alloc(4096));
      return made === undefined || (made >= 0 && made <= 4096);
    }),
    { numRuns: 2000 },
  );
});
