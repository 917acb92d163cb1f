import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import fc from "fast-check";
import { StringFinder } from "./string-finder.ts";

/** What is found in `bytes` at 0x1000 when they come in pieces that end at `cuts`. */
function find(bytes: Uint8Array, cuts: readonly number[]): readonly [number, string][] {
  const found: [number, string][] = [];
  const finder = new StringFinder((address, text) => found.push([Number(address) - 0x1000, text]));
  const ends = [...cuts, bytes.length].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    finder.add(gva(BigInt(0x1000 + start)), bytes.subarray(start, end));
    start = end;
  }
  finder.end();
  return found;
}

test("StringFinder: texts of six characters and more, however the bytes come", () => {
  const byte = fc.oneof(
    fc.constantFrom(0, 9, 10, 0x1f, 0x7f, 0x80),
    fc.integer({ min: 32, max: 126 }),
  );
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 200 }), fc.array(fc.nat(200)), (all, cuts) => {
      const bytes = Uint8Array.from(all);
      const text = Buffer.from(bytes).toString("latin1");
      const expected = [...text.matchAll(/[\t -~]{6,}/g)].map((match) => [match.index, match[0]]);
      const inside = cuts.filter((cut) => cut < bytes.length);
      assert.deepEqual(find(bytes, inside), expected);
    }),
  );
});

test("StringFinder: a text ends where addresses do not go on", () => {
  const found: string[] = [];
  const finder = new StringFinder((_, text) => found.push(text));
  finder.add(gva(0x1000n), Buffer.from("abcdef"));
  finder.add(gva(0x3000n), Buffer.from("ghijkl"));
  finder.end();
  assert.deepEqual(found, ["abcdef", "ghijkl"]);
});

test("StringFinder: a text without an end comes in parts", () => {
  const found = find(new Uint8Array(70_000).fill(0x41), [10_000]);
  assert.deepEqual(
    found.map(([at, text]) => [at, text.length]),
    [
      [0, 32_768],
      [32_768, 32_768],
      [65_536, 4_464],
    ],
  );
});
