import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseKaslrRelocations } from "./kaslr-relocations.ts";
import { parseKernelCode } from "./kernel-code.ts";
import { buildVmlinux } from "./kernel-image.fixture.ts";
import {
  parseAddresses,
  parseAlternatives,
  parseJumpTable,
  parseParavirtSites,
  parsePlaces,
  parseStaticCallSites,
} from "./patch-tables.ts";

const ADDRESS = -0x7d00_0000;
const CODE = -0x7f00_0000;
const REPLACEMENT = -0x7c00_0000;

/** Entries of `struct alt_instr` as kernels have had them, one after the other. */
const alternatives = {
  "since 6.3": { size: 14, feature: [117, 0, 1, 0], lengths: 12 },
  "from 5.13 to 6.2": { size: 12, feature: [117, 0x80], lengths: 10 },
  "up to 5.12": { size: 13, feature: [117, 0x80], lengths: 10 },
};

for (const [name, { size, feature, lengths }] of Object.entries(alternatives)) {
  test(`parseAlternatives: the layout of kernels ${name}`, () => {
    const bytes = Buffer.alloc(size * 3);
    for (let i = 0; i < 3; i += 1) {
      const at = i * size;
      bytes.writeInt32LE(CODE + i - (ADDRESS + at), at);
      bytes.writeInt32LE(REPLACEMENT + i * 4 - (ADDRESS + at + 4), at + 4);
      bytes.set(feature, at + 8);
      bytes.set([5, 3 + i - 1], at + lengths);
    }
    const found = parseAlternatives(
      { address: ADDRESS, bytes },
      (at, length) => at >= REPLACEMENT && at + length <= REPLACEMENT + 64,
    );
    assert.deepEqual(
      found.map(({ at, length, replacement, replacementLength }) => {
        return [at - CODE, length, replacement - REPLACEMENT, replacementLength];
      }),
      [
        [0, 5, 0, 2],
        [1, 5, 4, 3],
        [2, 5, 8, 4],
      ],
    );
    assert.ok(found.every((each) => each.feature === 117 && each.inverted && !each.directCall));
  });
}

test("parseAlternatives: refuses tables that lead nowhere", () => {
  const table = { address: ADDRESS, bytes: Buffer.alloc(14, 0x7f) };
  assert.throws(() => parseAlternatives(table, () => false), { code: "disk/unsupported" });
});

test("parsePlaces, parseAddresses: where tables lead", () => {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(CODE - ADDRESS, 0);
  bytes.writeInt32LE(CODE + 8 - (ADDRESS + 4), 4);
  bytes.writeBigInt64LE(BigInt(CODE), 8);
  const table = { address: ADDRESS, bytes };
  assert.deepEqual([...parsePlaces(table)].slice(0, 2), [CODE, CODE + 8]);
  assert.equal(parseAddresses(table, 0x100)[1], CODE + 0x100);
});

test("parseJumpTable, parseStaticCallSites, parseParavirtSites: entries of the tables", () => {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(CODE - ADDRESS, 0);
  bytes.writeInt32LE(CODE + 64 - (ADDRESS + 4), 4);
  bytes.writeBigInt64LE(BigInt(REPLACEMENT + 3 - (ADDRESS + 8)), 8);
  assert.deepEqual(parseJumpTable({ address: ADDRESS, bytes }), [
    { at: CODE, target: CODE + 64, key: REPLACEMENT, branch: true },
  ]);
  bytes.writeInt32LE(REPLACEMENT + 1 - (ADDRESS + 4), 4);
  assert.deepEqual(parseStaticCallSites({ address: ADDRESS, bytes: bytes.subarray(0, 8) }), [
    { at: CODE, key: REPLACEMENT, tail: true },
  ]);
  const paravirt = Buffer.alloc(26);
  for (const at of [0, 16]) {
    paravirt.writeBigInt64LE(BigInt(CODE + at), at);
    paravirt.set([7, 6], at + 8);
  }
  assert.deepEqual(parseParavirtSites({ address: ADDRESS, bytes: paravirt }), [
    { at: CODE, type: 7, length: 6 },
    { at: CODE + 16, type: 7, length: 6 },
  ]);
});

test("parseKaslrRelocations: two lists, three lists, and no addresses", () => {
  const lists = (...all: readonly number[][]) =>
    Buffer.from(Int32Array.from(all.flatMap((list) => [0, ...list])).buffer);
  const [a, b, c] = [[CODE + 8, CODE], [CODE + 16], [CODE + 32]];
  assert.deepEqual(parseKaslrRelocations(lists(b, a), 0), {
    words: Int32Array.of(CODE, CODE + 8),
    quads: Int32Array.of(CODE + 16),
    inverse: new Int32Array(),
  });
  assert.deepEqual(parseKaslrRelocations(lists(c, b, a), 0), {
    words: Int32Array.of(CODE, CODE + 8),
    inverse: Int32Array.of(CODE + 16),
    quads: Int32Array.of(CODE + 32),
  });
  assert.throws(() => parseKaslrRelocations(lists([4], [5]), 0), { code: "disk/unsupported" });
});

test("parseKernelCode: any bytes give code or an error of the catalogue", () => {
  const file = Buffer.concat([buildVmlinux(), Buffer.from(Int32Array.of(0, CODE, 0, CODE).buffer)]);
  assert.deepEqual(parseKernelCode(file).relocations.words, Int32Array.of(CODE));
  const edits = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(edits, (changes) => {
      const bytes = Buffer.from(file);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        const { text, between, section } = parseKernelCode(bytes);
        between(text.address, text.address + 16);
        const table = section(".rodata");
        if (table !== undefined) parseAlternatives(table, () => true);
      } catch (error) {
        assert.ok(error instanceof CasemateError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
