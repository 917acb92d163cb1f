import assert from "node:assert/strict";
import { closeSync, writeSync } from "node:fs";
import { test } from "node:test";
import { packet } from "./packet.fixture.ts";
import { readDirtyRanges } from "./read-dirty-ranges.ts";
import { openStreamPair } from "./socket-pairs.ts";

const text = (bytes: Buffer) => bytes.toString("latin1");
const greeting = packet("NBDMAGICIHAVEOPT", [2, 3]);
const reply = (option: number, type: number, data = "") =>
  packet([8, 0x3e889045565a9n], [4, option], [4, type], [4, data.length], data);
const chunks = reply(8, 1);
const context = (name = "qemu:dirty-bitmap:b") =>
  Buffer.concat([reply(10, 4, text(packet([4, 5], name))), reply(10, 1)]);
const go = (size: bigint) =>
  Buffer.concat([reply(7, 3, text(packet([2, 0], [8, size], [2, 3]))), reply(7, 1)]);
const status = (cookie: number, extents: readonly (readonly [number, number])[], type = 5) => {
  const fields = extents.flatMap(([length, flags]) => [[4, length] as const, [4, flags] as const]);
  const data = packet([4, 5], ...fields);
  return packet([4, 0x668e33ef], [2, 1], [2, type], [8, cookie], [4, data.length], text(data));
};

/** What is read of a server that says this, whatever it is asked. */
function read(...said: readonly Buffer[]) {
  const { ours, theirs } = openStreamPair();
  writeSync(theirs, Buffer.concat(said));
  try {
    return readDirtyRanges(ours, { name: "disk", bitmap: "b" });
  } finally {
    for (const fd of [ours, theirs]) closeSync(fd);
  }
}

test("readDirtyRanges: what the bitmap says, in as many answers as it takes", () => {
  const first = [
    [100, 0],
    [50, 1],
    [50, 1],
  ] as const;
  const rest = [
    [300, 0],
    [9_999, 1],
  ] as const;
  const ranges = read(greeting, chunks, context(), go(1000n), status(1, first), status(2, rest));
  assert.deepEqual(ranges, [
    { start: 100, end: 200 },
    { start: 500, end: 1000 },
  ]);
});

test("readDirtyRanges: answers that no server gives", () => {
  const hello = [greeting, chunks, context(), go(1000n)];
  const cases = {
    "another protocol": [Buffer.alloc(18, "SSH-2.0-")],
    "no chunks": [greeting, reply(8, 0x8000_0001)],
    "another bitmap": [greeting, chunks, context("qemu:dirty-bitmap:other")],
    "no bitmap": [greeting, chunks, reply(10, 1)],
    "a size beyond all": [greeting, chunks, context(), go(2n ** 63n)],
    "nothing of the disk": [...hello, status(1, [])],
    "no length": [...hello, status(1, [[0, 1]])],
    "another's answer": [...hello, status(7, [[1000, 1]])],
    "an error": [...hello, status(1, [], 0x8001)],
    "a chunk of 4 GiB": [
      ...hello,
      packet([4, 0x668e33ef], [2, 1], [2, 5], [8, 1], [4, 0xffff_ffff]),
    ],
  } as const;
  for (const [name, said] of Object.entries(cases)) {
    assert.throws(() => read(...said), { code: "disk/unreadable" }, name);
  }
});
