import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fetchBundle } from "./fetch-bundle.ts";

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "casemate-bundle-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A control plane that has one bundle, and waits after each of its pieces until whoever fetches it leaves. */
const endless = {
  get: async () => ({ id: "1" }),
  async *download(_: string, signal?: AbortSignal) {
    yield Buffer.from("first");
    if (signal?.aborted === false) await once(signal, "abort");
    throw new Error("the connection was closed");
  },
};
const whole = {
  ...endless,
  async *download() {
    yield* [Buffer.from("first"), Buffer.from("last")];
  },
};

test("fetchBundle: writes what comes, and nothing over what is there", async (t) => {
  const path = join(await scratch(t), "a.tar");
  const never = new AbortController().signal;
  assert.deepEqual(await fetchBundle(whole, "1", path, never), { id: "1" });
  assert.equal(await readFile(path, "utf8"), "firstlast");
  const taken = { code: "usage", next: /evidence get 1 -o/ };
  await assert.rejects(fetchBundle(whole, "1", path, never), taken);
  assert.equal(await readFile(path, "utf8"), "firstlast");
});

test("fetchBundle: who interrupts it is left no part of a bundle", async (t) => {
  const directory = await scratch(t);
  const stop = new AbortController();
  const fetching = fetchBundle(endless, "1", join(directory, "a.tar"), stop.signal);
  while ((await readdir(directory)).length === 0) await new Promise(setImmediate);
  stop.abort();
  await assert.rejects(fetching, { code: "cancelled" });
  assert.deepEqual(await readdir(directory), []);
});
