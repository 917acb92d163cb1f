import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { runCommand } from "./run-command.ts";

test("runCommand: returns standard output, passes input and lines of standard error on", async () => {
  const lines: string[] = [];
  const options = { input: "in", onLine: (line: string) => lines.push(line) };
  assert.equal(await runCommand("sh", ["-c", "cat; echo a >&2; echo b >&2"], options), "in");
  assert.deepEqual(lines, ["a", "b"]);
});

test("runCommand: a failure has the command's last words and names its log", async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), "casemate-run-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const log = path.join(directory, "log");
  const failing = runCommand("sh", ["-c", "echo broken >&2; exit 3"], { log });
  await assert.rejects(failing, (error: Error & { code?: string }) => {
    assert.equal(error.code, "lab/build-failed");
    assert.match(error.message, /ended with 3 and said "broken"/);
    assert.ok(error.message.includes(log));
    return true;
  });
  assert.equal(await readFile(log, "utf8"), "broken\n");
});

test("runCommand: a full disk, a missing command and a cancelled one have their own codes", async () => {
  const full = runCommand("dd", ["if=/dev/zero", "of=/dev/full", "count=1"]);
  await assert.rejects(full, { code: "disk/full" });
  await assert.rejects(runCommand("/nosuch/command", []), { code: "system/missing" });
  const slow = runCommand("sleep", ["60"], {}, AbortSignal.timeout(20));
  await assert.rejects(slow, { code: "cancelled" });
});
