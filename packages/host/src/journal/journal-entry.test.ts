import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type PauseRecord, parsePauseRecord } from "../pause/pause-record.ts";
import { createJournalEntry, walkAbandonedEntries } from "./journal-entry.ts";

const record: PauseRecord = {
  uri: "qemu:///system",
  name: "web01",
  domainId: 7,
  run: { uuid: "3a8a2b36-8a3f-4f57-9f0f-6f9a0b0c1d2e", bootId: "b", startTicks: 4711 },
  pausedAt: "2026-01-02T03:04:05.678Z",
};

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-journal-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return join(path, "data", "pauses");
}

async function abandoned(directory: string): Promise<readonly (PauseRecord | undefined)[]> {
  const found: (PauseRecord | undefined)[] = [];
  for await (const { record: each } of walkAbandonedEntries(directory, parsePauseRecord))
    found.push(each);
  return found;
}

test("createJournalEntry: what is written is abandoned once nobody holds it", async (t) => {
  const directory = await scratch(t);
  assert.deepEqual(await abandoned(directory), []);
  {
    await using entry = await createJournalEntry(directory, "a pause");
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    await entry.write(record);
    assert.deepEqual(await abandoned(directory), []);
  }
  assert.deepEqual(await abandoned(directory), [record]);
  for await (const { entry } of walkAbandonedEntries(directory, parsePauseRecord))
    await entry.remove();
  assert.deepEqual(await readdir(directory), []);
});

test("createJournalEntry: who inherited the entry holds it on", async (t) => {
  const directory = await scratch(t);
  const child = await (async () => {
    await using entry = await createJournalEntry(directory, "a pause");
    await entry.write(record);
    return spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", entry.fd] });
  })();
  assert.deepEqual(await abandoned(directory), []);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.deepEqual(await abandoned(directory), [record]);
});

test("walkAbandonedEntries: an entry cut short names nothing that was paused", async (t) => {
  const directory = await scratch(t);
  await (await createJournalEntry(directory, "a pause"))[Symbol.asyncDispose]();
  const whole = JSON.stringify(record);
  await writeFile(join(directory, "short.json"), whole.slice(0, -20));
  await writeFile(join(directory, "odd.json"), JSON.stringify({ ...record, run: null }));
  assert.deepEqual(await abandoned(directory), [undefined, undefined, undefined]);
});
