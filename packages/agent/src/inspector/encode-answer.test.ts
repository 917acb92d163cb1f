import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { walkFrames } from "../confined/frames.ts";
import { encodeAnswer } from "./encode-answer.ts";

async function decode(frame: Buffer): Promise<unknown> {
  async function* stream() {
    yield frame;
  }
  const [value] = await Array.fromAsync(walkFrames(stream(), "inspector"));
  return value;
}

test("encodeAnswer: gives what was answered, row by row", async () => {
  const row = fc.record({ pid: fc.integer(), name: fc.string({ unit: "grapheme" }) });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (items) => {
      const answer = { items, consistency: "torn", damaged: [], elapsedMs: 1.5 } as const;
      const sent = JSON.parse(JSON.stringify(answer));
      assert.deepEqual(await decode(encodeAnswer(answer)), sent);
    }),
  );
  const done = { done: true } as const;
  assert.deepEqual(await decode(encodeAnswer(done)), done);
});

test("encodeAnswer: rows that no frame holds are an error, and the stream goes on", async () => {
  const text = "\u0001".repeat(60_000);
  const items = Array.from({ length: 300 }, () => ({ text }));
  const answer = await decode(
    encodeAnswer({ items, consistency: "consistent", damaged: [], elapsedMs: 1 }),
  );
  assert.deepEqual(answer, {
    error: {
      code: "inspect/budget",
      message: "Cannot send 300 rows: they take more than 64 MiB, expected less.",
    },
  });
});
