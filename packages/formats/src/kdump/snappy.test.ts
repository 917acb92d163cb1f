import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packedPage } from "./packed-page.fixture.ts";
import { expandSnappy } from "./snappy.ts";

type Element =
  | { readonly literal: Uint8Array }
  | { readonly back: number; readonly count: number; readonly bytes: 1 | 2 | 4 };

/** Encodes elements as format_description.txt says, and says by itself what they stand for. */
function encode(elements: readonly Element[]): { readonly block: Buffer; readonly text: number[] } {
  const parts: Uint8Array[] = [];
  const text: number[] = [];
  for (const element of elements) {
    if ("literal" in element) {
      const length = element.literal.length - 1;
      if (length < 60) parts.push(Uint8Array.of(length << 2));
      else parts.push(Uint8Array.of(61 << 2, length & 0xff, length >>> 8));
      parts.push(element.literal);
      text.push(...element.literal);
      continue;
    }
    if (text.length === 0) continue;
    const short = element.bytes === 1;
    const distance = 1 + (element.back % Math.min(text.length, short ? 2047 : 65535));
    const count = short ? 4 + (element.count % 8) : element.count;
    if (short)
      parts.push(Uint8Array.of(1 | ((count - 4) << 2) | ((distance >>> 8) << 5), distance));
    else if (element.bytes === 2) {
      parts.push(Uint8Array.of(2 | ((count - 1) << 2), distance, distance >>> 8));
    } else parts.push(Uint8Array.of(3 | ((count - 1) << 2), distance, distance >>> 8, 0, 0));
    for (let i = 0; i < count; i += 1) text.push(text[text.length - distance] ?? 0);
  }
  const size = text.length;
  const preamble = [(size & 0x7f) | 0x80, ((size >>> 7) & 0x7f) | 0x80, size >>> 14];
  return { block: Buffer.concat([Uint8Array.from(preamble), ...parts]), text };
}

const element: fc.Arbitrary<Element> = fc.oneof(
  fc.record({ literal: fc.uint8Array({ minLength: 1, maxLength: 100 }) }),
  fc.record({
    back: fc.nat(5000),
    count: fc.integer({ min: 1, max: 64 }),
    bytes: fc.constantFrom(1 as const, 2 as const, 4 as const),
  }),
);

test("expandSnappy: what the real compressor made", () => {
  const target = Buffer.alloc(4096);
  assert.equal(expandSnappy(Buffer.from(packedPage.snappy, "base64"), target), 4096);
  assert.ok(target.equals(packedPage.page));
});

test("expandSnappy: any elements, as the format describes them", () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 40 }), (elements) => {
      const { block, text } = encode(elements);
      const target = new Uint8Array(text.length);
      assert.equal(expandSnappy(block, target), text.length);
      assert.deepEqual([...target], text);
    }),
  );
});

test("expandSnappy: no block cut short or too long for the target is expanded", () => {
  const block = Buffer.from(packedPage.snappy, "base64");
  for (let length = 0; length < block.length; length += 1) {
    assert.equal(expandSnappy(block.subarray(0, length), Buffer.alloc(4096)), undefined);
  }
  assert.equal(expandSnappy(block, Buffer.alloc(4095)), undefined);
});

test("expandSnappy: any change to a block ends within the target", () => {
  const block = Buffer.from(packedPage.snappy, "base64");
  const edits = fc.array(fc.tuple(fc.nat(block.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(edits, (changes) => {
      const bytes = Buffer.from(block);
      for (const [at, value] of changes) bytes[at] = value;
      const made = expandSnappy(bytes, Buffer.alloc(4096));
      return made === undefined || (made >= 0 && made <= 4096);
    }),
    { numRuns: 2000 },
  );
});
