import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { walkServerSent } from "./server-sent.ts";

async function eventsOf(chunks: readonly Uint8Array[], most = 1_000) {
  const events: unknown[] = [];
  async function* stream() {
    yield* chunks;
  }
  for await (const event of walkServerSent(stream(), most)) events.push(event);
  return events;
}

test("walkServerSent: the same events however the stream is cut", async () => {
  const text = Buffer.from(
    ': connected\n\ndata: {"a":"ä"}\n\nevent: error\ndata:{}\n\ndata: 1\ndata: 2\n\ndata: cut',
  );
  const expected = [
    { type: "message", data: '{"a":"ä"}' },
    { type: "error", data: "{}" },
    { type: "message", data: "1\n2" },
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: text.length })), async (cuts) => {
      const at = [0, ...cuts, text.length].toSorted((a, b) => a - b);
      const chunks = at.map((from, i) => text.subarray(from, at[i + 1]));
      assert.deepEqual(await eventsOf(chunks), expected);
    }),
  );
});

test("walkServerSent: an event without end is refused", async () => {
  await assert.rejects(eventsOf([Buffer.alloc(2_000, "x")]), /has no end/);
});
