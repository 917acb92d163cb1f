import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import { EventStream } from "./event-stream.ts";

test("EventStream: gives what came before and after it was read, in order", async () => {
  const stream = new EventStream<number>();
  stream.push(1);
  stream.push(2);
  const seen: number[] = [];
  const reading = (async () => {
    for await (const event of stream) seen.push(event);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  stream.push(3);
  stream.end();
  stream.push(4);
  await reading;
  assert.deepEqual(seen, [1, 2, 3]);
});

test("EventStream: a cause is thrown once, after what was waiting", async () => {
  const stream = new EventStream<number>();
  const cause = new Error("lost");
  stream.push(1);
  stream.end(cause);
  assert.deepEqual(await stream.next(), { done: false, value: 1 });
  await assert.rejects(stream.next(), cause);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test("EventStream: leaving the loop tells the source, once", async () => {
  let ends = 0;
  const stream = new EventStream<number>(() => {
    ends += 1;
  });
  stream.push(1);
  stream.push(2);
  for await (const _event of stream) break;
  stream[Symbol.dispose]();
  assert.equal(ends, 1);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test("EventStream: a reader that does not keep up gets an error, never a gap", async () => {
  const stream = new EventStream<number>();
  for (let i = 0; i < 10_001; i += 1) stream.push(i);
  let seen = 0;
  await assert.rejects(
    async () => {
      for await (const event of stream) assert.equal(event, seen++);
    },
    (error) => error instanceof CasemateError && error.code === "libvirt/failed",
  );
  assert.equal(seen, 10_000);
});
