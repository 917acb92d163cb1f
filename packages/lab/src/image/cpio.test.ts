import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { writeCpio } from "./cpio.ts";

const archive = writeCpio([
  { path: "init", mode: 0o100755, content: Buffer.from("#!/bin/sh\n") },
  { path: "lib/modules/a.ko", mode: 0o100644, content: Buffer.alloc(4097, 7) },
  { path: "bin/sh", mode: 0o120777, content: Buffer.from("busybox") },
]);

test("writeCpio: GNU cpio reads every member, with parents, modes and sizes", () => {
  const { stdout, status } = spawnSync("cpio", ["-itv", "--quiet", "--numeric-uid-gid"], {
    input: archive,
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", TZ: "UTC0", LC_ALL: "C" },
  });
  assert.equal(status, 0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/ +/g, " ").replace(/ Jan 1 1970 | 1970-01-01 \S+ /, " "));
  assert.deepEqual(
    lines.map((line) => line.split(" ").filter((_, index) => [0, 4].includes(index) || index > 4)),
    [
      ["-rwxr-xr-x", "10", "init"],
      ["drwxr-xr-x", "0", "lib"],
      ["drwxr-xr-x", "0", "lib/modules"],
      ["-rw-r--r--", "4097", "lib/modules/a.ko"],
      ["drwxr-xr-x", "0", "bin"],
      ["lrwxrwxrwx", "7", "bin/sh", "->", "busybox"],
    ],
  );
});

test("writeCpio: equal entries make equal bytes, aligned to four", () => {
  assert.equal(archive.length % 4, 0);
  const once = writeCpio([{ path: "x", mode: 0o100644, content: Buffer.from("y") }]);
  const again = writeCpio([{ path: "x", mode: 0o100644, content: Buffer.from("y") }]);
  assert.deepEqual(once, again);
});
