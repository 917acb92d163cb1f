import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CopyingMemory } from "./copying-memory.ts";

const PAGE = 4096;

/** A source of which page `i` holds the number `i + round`; pages in `broken` cannot be read. */
function build(options: { live?: boolean; keptBytes?: number; broken?: ReadonlySet<number> } = {}) {
  const reads: number[] = [];
  const state = { round: 0, closed: 0, reads };
  const memory = new CopyingMemory({
    description: "test",
    pieces: [
      { start: 0, end: 200 * PAGE },
      { start: 300 * PAGE, end: 400 * PAGE },
    ],
    live: options.live ?? true,
    keptBytes: options.keptBytes ?? 1024 * PAGE,
    fill(_piece, address, target) {
      reads.push(target.length / PAGE);
      const view = new DataView(target.buffer, target.byteOffset, target.length);
      for (let at = 0; at < target.length; at += PAGE) {
        const page = (address + at) / PAGE;
        if (options.broken?.has(page) === true) throw new Error(`page ${page}`);
        for (let i = 0; i < PAGE; i += 4) view.setUint32(at + i, page + state.round, true);
      }
    },
    close() {
      state.closed += 1;
    },
  });
  return { memory, state };
}

test("CopyingMemory: each page's own bytes in any order, and none where no RAM is", () => {
  const page = fc.nat(450);
  fc.assert(
    fc.property(fc.array(page, { maxLength: 300 }), fc.boolean(), (pages, tight) => {
      const { memory } = build(tight ? { keptBytes: 4 * PAGE } : {});
      for (const first of pages) {
        for (const index of [first, first + 1, first + 2, first]) {
          const isRam = index < 200 || (index >= 300 && index < 400);
          assert.equal(memory.window(index)?.getUint32(PAGE - 4, true), isRam ? index : undefined);
        }
      }
    }),
  );
});

test("CopyingMemory: reads one page at first and more while the reader goes on", () => {
  const { memory, state } = build();
  for (let index = 0; index < 200; index += 1) memory.window(index);
  assert.deepEqual(state.reads, [1, 2, 4, 8, 16, 32, 64, 64, 9]);
  memory.window(350);
  assert.equal(state.reads.at(-1), 1);
});

test("CopyingMemory: a page that cannot be read fails for who asks for it, and no sooner", () => {
  const { memory } = build({ broken: new Set([5]) });
  for (let index = 0; index < 5; index += 1) assert.ok(memory.window(index));
  assert.throws(() => memory.window(5), /page 5/);
  assert.ok(memory.window(6));
});

test("refresh: later reads are new, windows given before stay; what is not live is kept", () => {
  const { memory, state } = build();
  const before = memory.window(7);
  state.round = 1000;
  assert.equal(memory.window(7)?.getUint32(0, true), 7);
  memory.refresh();
  assert.equal(memory.window(7)?.getUint32(0, true), 1007);
  assert.equal(before?.getUint32(0, true), 7);
  const dump = build({ live: false });
  dump.memory.window(7);
  dump.memory.refresh();
  dump.memory.window(7);
  assert.equal(dump.state.reads.length, 1);
});

test("CopyingMemory: keeps no more than its bound", () => {
  const { memory, state } = build({ keptBytes: 16 * PAGE });
  for (let index = 0; index < 200; index += 2) memory.window(index);
  const reads = state.reads.length;
  memory.window(198);
  assert.equal(state.reads.length, reads, "the last ones are kept");
  memory.window(0);
  assert.equal(state.reads.length, reads + 1, "the first ones are not");
});

test("CopyingMemory: closes its source once and reads no more", async () => {
  const { memory, state } = build();
  await memory[Symbol.asyncDispose]();
  await memory[Symbol.asyncDispose]();
  assert.equal(state.closed, 1);
  assert.throws(() => memory.window(0), { code: "internal" });
});
