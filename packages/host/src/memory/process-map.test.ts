import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseProcessMap } from "./process-map.ts";

test("parseProcessMap: each line's addresses, sharing, file offset and inode", () => {
  const text = `7f0000000000-7f00c0000000 rw-s 00001000 00:01 2054 /memfd:memory-backend-memfd (deleted)
7f1000000000-7f1000001000 ---p 00000000 00:00 0 \nffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n`;
  assert.deepEqual(parseProcessMap(text), [
    {
      start: 0x7f0000000000,
      end: 0x7f00c0000000,
      shared: true,
      offset: 4096,
      inode: 2054,
      name: "/memfd:memory-backend-memfd (deleted)",
    },
    { start: 0x7f1000000000, end: 0x7f1000001000, shared: false, offset: 0, inode: 0, name: "" },
  ]);
});

test("parseProcessMap: every line of this process's own map", () => {
  const text = readFileSync("/proc/self/maps", "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.endsWith("[vsyscall]"));
  assert.equal(parseProcessMap(text).length, lines.length);
});
