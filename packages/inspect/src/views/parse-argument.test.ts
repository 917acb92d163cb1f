import assert from "node:assert/strict";
import { test } from "node:test";
import { files } from "./files.ts";
import { kernel } from "./kernel.ts";
import { parseArgument } from "./parse-argument.ts";
import { readFile } from "./read-file.ts";
import { strings } from "./strings.ts";

const wrong = { code: "usage" };

test("parseArgument: what a view takes, and nothing else", () => {
  assert.equal(parseArgument(strings, "42"), 42);
  assert.equal(parseArgument(files, undefined), undefined);
  assert.equal(parseArgument(readFile, "/etc/passwd"), "/etc/passwd");
  assert.equal(parseArgument(kernel, undefined), undefined);
  assert.throws(() => parseArgument(kernel, "1"), wrong);
  assert.throws(() => parseArgument(strings, undefined), wrong);
  for (const pid of ["", "0", "-1", "1.5", "0x10", "4194305", "99999999999"]) {
    assert.throws(() => parseArgument(strings, pid), wrong, pid);
  }
  for (const path of ["", "etc/passwd", "/etc\0/passwd", `/${"a".repeat(4096)}`]) {
    assert.throws(() => parseArgument(readFile, path), wrong);
  }
});
