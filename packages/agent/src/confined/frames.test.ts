import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeFrame, walkFrames } from "./frames.ts";

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

test("walkFrames: gives back what encodeFrame made, however the stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 50 }),
      async (values, sizes) => {
        const bytes = Buffer.concat(values.map(encodeFrame));
        const seen = await Array.fromAsync(walkFrames(cut(bytes, sizes), "inspector"));
        assert.deepEqual(seen, JSON.parse(JSON.stringify(values)));
      },
    ),
  );
});

test("walkFrames: a length beyond the bound, a cut frame and no JSON are inspect/crashed", async () => {
  for (const bytes of [
    Buffer.of(0xff, 0xff, 0xff, 0xff),
    encodeFrame({ a: 1 }).subarray(0, 6),
    Buffer.of(2, 0, 0, 0, 0x7b, 0x7b),
  ]) {
    await assert.rejects(Array.fromAsync(walkFrames(cut(bytes, []), "inspector")), {
      code: "inspect/crashed",
    });
  }
});
