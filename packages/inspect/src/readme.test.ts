import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { largestThreadGroups } from "../examples/largest-thread-groups.ts";
import { buildGuest } from "../test/guest-builder.ts";
import { attach } from "./kernel/attach.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

test("README: its example is the file that it names", () => {
  assert.ok(read("../README.md").includes(read("../examples/largest-thread-groups.ts").trimEnd()));
});

test("README: its example runs", () => {
  const guest = buildGuest();
  const signal = (guest.tasks[3] ?? 0) + 640;
  guest.memory.view.setInt32(signal, 5, true);
  const { items } = attach(guest.memory).grant("kernelMetadata").read(largestThreadGroups);
  assert.deepEqual(items, [{ pid: 77, name: "sshd", threads: 5, parent: "init", running: true }]);
});
