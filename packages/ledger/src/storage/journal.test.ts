import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatFrame, formatJournalHeader, type JournalRecord, parseJournal } from "./journal.ts";

const anyRecord = fc.record(
  {
    leaf: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
    sealed: fc.string({ maxLength: 10 }).map((text) => text.toWellFormed()),
  },
  { noNullPrototype: true },
);
const anyFrame = fc.array(anyRecord, { minLength: 1, maxLength: 3 });
const anyFrames = fc.array(anyFrame, { maxLength: 4 });
const someFrames = fc.array(anyFrame, { minLength: 1, maxLength: 3 });

/** A journal, and where its frames end. */
function build(firstIndex: number, frames: readonly (readonly JournalRecord[])[]) {
  let { bytes, digest } = formatJournalHeader(firstIndex);
  const ends = [bytes.length];
  for (const records of frames) {
    const frame = formatFrame(records, digest);
    bytes = Buffer.concat([bytes, frame.bytes]);
    digest = frame.digest;
    ends.push(bytes.length);
  }
  return { bytes, ends };
}

test("parseJournal: reads what was written", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), anyFrames, (firstIndex, frames) => {
      const { bytes } = build(firstIndex, frames);
      const journal = parseJournal(bytes, "j");
      assert.equal(journal.firstIndex, firstIndex);
      assert.deepEqual(journal.records, frames.flat());
      assert.equal(journal.length, bytes.length);
    }),
  );
});

test("parseJournal: a journal that was cut anywhere keeps every whole frame", () => {
  fc.assert(
    fc.property(anyFrames, fc.nat(), fc.nat(50), (frames, at, zeros) => {
      const { bytes, ends } = build(7, frames);
      const length = at % (bytes.length + 1);
      const whole = ends.filter((end) => end <= length).length - 1;
      const kept = frames.slice(0, Math.max(0, whole)).flat();
      assert.deepEqual(parseJournal(bytes.subarray(0, length), "j").records, kept);
      // Where the file grew before its contents came.
      if (whole < 0 || ends.includes(length)) return;
      const frame = ends[whole + 1] ?? length;
      const grown = Buffer.concat([bytes.subarray(0, ends[whole]), Buffer.alloc(zeros)]);
      assert.deepEqual(parseJournal(grown, "j").records, kept);
      if (frame - length < 32) return;
      const filled = Buffer.concat([bytes.subarray(0, length), Buffer.alloc(frame - length)]);
      const isHeadWhole = length >= (ends[whole] ?? 0) + 12;
      if (isHeadWhole) assert.deepEqual(parseJournal(filled, "j").records, kept);
    }),
  );
});

test("parseJournal: a changed bit anywhere is damage, and its place is named", () => {
  fc.assert(
    fc.property(someFrames, fc.nat(), fc.nat(7), (frames, at, bit) => {
      const { bytes } = build(7, frames);
      const changed = Buffer.from(bytes);
      const place = at % bytes.length;
      changed[place] = (changed[place] ?? 0) ^ (1 << bit);
      assert.throws(() => parseJournal(changed, "j"), /at byte \d+/);
    }),
  );
});
