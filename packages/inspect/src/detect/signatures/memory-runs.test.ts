import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gva, gva } from "@casemate/core";
import fc from "fast-check";
import { Budget } from "../../budget.ts";
import type { CachedPage } from "../../linux/cached-pages.ts";
import type { UserPages } from "../../memory/walk-user-pages.ts";
import { fileRuns, ownRuns } from "./memory-runs.ts";
import type { MemoryRun } from "./rule-search.ts";

const PAGE = 4096;
const MOST = 8 * 1024 * 1024;
const START = gva(0x7f00_0000_0000n);

/** Every page begins with its own number. */
function pageOf(index: number): Uint8Array {
  const page = Buffer.alloc(PAGE, 1);
  page.writeUInt32LE(index + 1);
  return page;
}

/** Numbers of the pages that the runs hold, in their order; what is not there begins with 0. */
function numbersIn(runs: Iterable<MemoryRun>): number[] {
  const found = new Set<number>();
  for (const { offset, bytes } of runs) {
    assert.ok(bytes.length <= MOST);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + 4 <= bytes.length; at += PAGE) {
      const number = view.getUint32(at, true);
      if (number === 0) continue;
      assert.equal(number - 1, (offset + at) / PAGE);
      found.add(number - 1);
    }
  }
  return [...found].sort((one, other) => one - other);
}

const someFrames = fc.uniqueArray(fc.integer({ min: 0, max: 6_000 }), { maxLength: 40 });

test("fileRuns: has every page that is in memory at its place, the first run from the beginning", () => {
  fc.assert(
    fc.property(someFrames, (indexes) => {
      const pages = new Map(
        indexes.map((frame): [number, CachedPage] => [
          frame,
          { frame, page: gva(BigInt(frame)), isClean: true },
        ]),
      );
      const file = { pages: () => pages, size: 6_001 * PAGE };
      const reader = { page: (at: Gva) => pageOf(Number(at)) };
      const runs = [...fileRuns(new Budget(), reader, file)];
      assert.deepEqual(
        numbersIn(runs),
        indexes.toSorted((one, other) => one - other),
      );
      if (indexes.some((index) => index < MOST / PAGE)) assert.equal(runs[0]?.offset, 0);
    }),
    { numRuns: 20 },
  );
});

test("ownRuns: has pages that are the process's own, and tells how many are swapped out", () => {
  fc.assert(
    fc.property(someFrames, someFrames, (present, shared) => {
      const indexes = present.toSorted((one, other) => one - other);
      const at = (index: number) => gva(START + BigInt(index * PAGE));
      const space = {
        *pages(): Generator<UserPages> {
          yield { kind: "swapped", address: START, length: 3 * PAGE };
          for (const index of indexes) {
            yield { kind: "present", address: at(index), length: PAGE, physical: index * PAGE };
          }
        },
        bytes: (from: Gva, length: number) => {
          const first = Number(from - START) / PAGE;
          return Buffer.concat(Array.from({ length: length / PAGE }, (_, i) => pageOf(first + i)));
        },
      };
      const cached = new Map(
        shared.map((frame): [number, CachedPage] => [
          frame + 7,
          { frame, page: gva(BigInt(frame)), isClean: true },
        ]),
      );
      const area = { start: START, end: at(6_001), file: { pages: () => cached, first: 7 } };
      let swapped = 0;
      const runs = ownRuns(new Budget(), space, area, (pages) => {
        swapped += pages;
      });
      assert.deepEqual(
        numbersIn(runs),
        indexes.filter((index) => !shared.includes(index)),
      );
      assert.equal(swapped, 3);
    }),
    { numRuns: 50 },
  );
});

test("ownRuns: a long run goes on with the end of the one before it", () => {
  const length = 3 * MOST;
  const space = {
    *pages(): Generator<UserPages> {
      yield { kind: "present", address: START, length, physical: 0 };
    },
    bytes: (_: Gva, count: number) => new Uint8Array(count),
  };
  const area = { start: START, end: gva(START + BigInt(length)), file: undefined };
  const runs = [...ownRuns(new Budget(), space, area, () => {})];
  let end = 0;
  for (const { offset, bytes } of runs) {
    assert.ok(offset <= Math.max(end - 64 * 1024, 0));
    end = offset + bytes.length;
  }
  assert.equal(end, length);
});
