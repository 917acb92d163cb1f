import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { areNoOperations, k8Nops, noOperations, usualNops } from "./no-operations.ts";
import { sameInstructions } from "./same-instructions.ts";

const AT = -0x7f00_0000;
const code = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

const same = [
  ["no-ops of one byte and of several", "90 90 90 c3", "0f1f00 c3"],
  ["a jump with 8 and with 32 bits", "e9 06000000 90 90 90 90 90", "eb09 0f1f00 9090909090"],
  ["breakpoints behind a jump", "e9 20000000 c3", "eb23 cccccc c3"],
  ["no-ops that are jumped over", "90 90 90 90 90", "eb03 cccccc"],
  ["a jump over no-ops that are jumped over", "eb04 90909090", "eb04 eb02cccc"],
] as const;

for (const [name, one, other] of same) {
  test(`sameInstructions: ${name}`, () => {
    assert.ok(sameInstructions(code(one), code(other), AT));
  });
}

const different = [
  ["a jump that leads elsewhere", "e9 06000000 c3", "e9 07000000 c3"],
  ["a call that leads elsewhere", "e8 06000000", "e8 06000100"],
  ["another condition", "74 05 c3", "75 05 c3"],
  ["an instruction more", "90 90 c3", "31 c0 c3"],
  ["breakpoints that are run", "90 90 c3", "cc cc c3"],
  ["another variable", "488b05 10000000", "488b05 11000000"],
  ["a jump over code", "31c0 c3", "eb00 c3"],
] as const;

for (const [name, one, other] of different) {
  test(`sameInstructions: tells apart ${name}`, () => {
    assert.ok(!sameInstructions(code(one), code(other), AT));
  });
}

test("sameInstructions: any bytes are the same as themselves, however many jumps they have", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 255 });
  const jumps = fc
    .array(fc.constantFrom(0, 2, 100), { minLength: 1, maxLength: 120 })
    .map((to) => Uint8Array.from(to.flatMap((distance) => [0xeb, distance])));
  fc.assert(
    fc.property(fc.oneof(bytes, jumps), (any) => sameInstructions(any, any.slice(), AT)),
    { numRuns: 300 },
  );
});

test("noOperations: are no-ops of their length, and nothing else is", () => {
  for (const nops of [usualNops, k8Nops]) {
    for (let length = 1; length < 40; length += 1) {
      const bytes = noOperations(nops, length);
      assert.equal(bytes.length, length);
      assert.ok(areNoOperations(bytes), `${length} bytes`);
      assert.ok(!areNoOperations(Uint8Array.of(...bytes, 0xc3)));
    }
  }
});
