import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import {
  arrangeSegments,
  type DumpSegment,
  formatLimeHeader,
  parseElfCore,
  parseLimeHeader,
} from "../memory-images.ts";

/** An ELF core with one PT_LOAD segment each, as QEMU writes it without paging. */
function buildElfCore(segments: readonly DumpSegment[]): Buffer {
  const head = Buffer.alloc(64 + 56 * segments.length);
  head.write("\x7fELF\x02\x01\x01", "latin1");
  head.writeUInt16LE(4, 16); // e_type ET_CORE
  head.writeUInt16LE(62, 18); // e_machine EM_X86_64
  head.writeBigUInt64LE(64n, 32); // e_phoff
  head.writeUInt16LE(56, 54); // e_phentsize
  head.writeUInt16LE(segments.length, 56); // e_phnum
  for (const [i, { start, end, offset }] of segments.entries()) {
    const at = 64 + 56 * i;
    head.writeUInt32LE(1, at); // p_type PT_LOAD
    head.writeBigUInt64LE(BigInt(offset), at + 8); // p_offset
    head.writeBigUInt64LE(BigInt(start), at + 24); // p_paddr
    head.writeBigUInt64LE(BigInt(end - start), at + 32); // p_filesz
  }
  return head;
}

const two = [
  { start: 0, end: 0xa0000, offset: 0x2c4 },
  { start: 0x100000, end: 0x200000, offset: 0xa02c4 },
];

function assertArranged(segments: readonly DumpSegment[]): void {
  let last = 0;
  for (const { start, end, offset } of segments) {
    assert.ok(start >= last && end > start && offset >= 0, `${start} ${end}`);
    assert.equal(start % 4096, 0);
    assert.equal(end % 4096, 0);
    last = end;
  }
}

test("parseElfCore: the segments by physical address", () => {
  assert.deepEqual(parseElfCore(buildElfCore(two)), two);
});

test("parseElfCore: every way to cut the headers short is truncated", () => {
  const whole = buildElfCore(two);
  for (let length = 4; length < whole.length - 16; length += 1) {
    assert.throws(() => parseElfCore(whole.subarray(0, length)), CasemateError, `${length}`);
  }
});

test("parseElfCore: any bytes give arranged segments or an error of the catalogue", () => {
  const whole = buildElfCore(two);
  const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(edits, (changes) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        assertArranged(parseElfCore(bytes));
      } catch (error) {
        assert.ok(error instanceof CasemateError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test("parseElfCore: refuses addresses no machine has and a core without memory", () => {
  const far = buildElfCore(two);
  far.writeBigUInt64LE(2n ** 63n, 64 + 24);
  assert.throws(() => parseElfCore(far), { code: "dump/unknown-format" });
  assert.throws(() => parseElfCore(buildElfCore([])), { code: "dump/unknown-format" });
});

test("arrangeSegments: sorted, disjoint whole pages, and each address told by one that was listed", () => {
  const edge = fc.nat(40_000);
  const listed = fc.array(fc.record({ start: edge, length: edge, offset: edge }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(listed, (items) => {
      const segments = items.map(({ start, length, offset }) => ({
        start,
        end: start + length,
        offset,
      }));
      const arranged = arrangeSegments(segments);
      assertArranged(arranged);
      for (const { start, end, offset } of arranged) {
        const told = segments.some(
          (s) => s.start <= start && s.end >= end && s.offset + (start - s.start) === offset,
        );
        assert.ok(told);
      }
    }),
  );
});

test("parseLimeHeader: the range, its end after its last byte", () => {
  const header = Buffer.alloc(32);
  header.write("EMiL", "latin1");
  header.writeUInt32LE(1, 4);
  header.writeBigUInt64LE(0x1000n, 8);
  header.writeBigUInt64LE(0x2fffn, 16);
  const range = { start: 0x1000, end: 0x3000 };
  assert.deepEqual(parseLimeHeader(header), range);
  assert.deepEqual(Buffer.from(formatLimeHeader(range)), header);
  assert.throws(() => parseLimeHeader(header.subarray(0, 31)), { code: "dump/truncated" });
});

test("parseLimeHeader: any bytes give a range or an error of the catalogue", () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 40 });
  fc.assert(
    fc.property(bytes, fc.boolean(), (tail, proper) => {
      const header = Buffer.concat([Buffer.from(proper ? "EMiL\x01\0\0\0" : "", "latin1"), tail]);
      try {
        const { start, end } = parseLimeHeader(header);
        assert.ok(start >= 0 && end > start && end <= 2 ** 52);
      } catch (error) {
        assert.ok(error instanceof CasemateError, String(error));
      }
    }),
  );
});
