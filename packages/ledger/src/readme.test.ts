import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { proveToAnAuditor } from "../examples/prove-to-an-auditor.ts";
import { scratch } from "../test/scratch.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

test("README: its example is the file that it names", () => {
  const example = read("../examples/prove-to-an-auditor.ts").trimEnd();
  assert.ok(read("../README.md").includes(example));
});

test("README: its example runs", async (t) => {
  const proven = await proveToAnAuditor(join(await scratch(t), "ledger"));
  assert.equal(proven, "vm/started is one of 1 facts of example.com/casemate");
});
