import assert from "node:assert/strict";
import { test } from "node:test";
import { unpackKernelOnce } from "./unpack-kernel-once.ts";

/** What is no bzImage is given back as it is. */
const fileOf = (text: string) => Buffer.from(text.padEnd(4096, "\0"));

test("unpackKernelOnce: the same content is unpacked once, whoever's file it is", () => {
  const first = unpackKernelOnce(fileOf("one"));
  assert.equal(unpackKernelOnce(fileOf("one")), first);
});

test("unpackKernelOnce: other content is never answered with what was there before", () => {
  unpackKernelOnce(fileOf("one"));
  const file = fileOf("two");
  assert.equal(unpackKernelOnce(file), file);
});
