import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openStore } from "../store/store.ts";
import { tokensIn } from "./tokens.ts";

test("Tokens: one opens until it is revoked, replaced or expired, and is not stored as text", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-tokens-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await using store = await openStore(directory);
  const tokens = tokensIn(store.db);

  const first = await tokens.issue("bootstrap", "admin");
  assert.ok((await tokens.read(first))?.permissions.has("inspect:kernelMetadata"));
  const second = await tokens.issue("bootstrap", "reader");
  assert.equal(await tokens.read(first), undefined);
  assert.equal((await tokens.read(second))?.permissions.has("inspect:kernelMetadata"), false);
  await tokens.revoke("bootstrap");
  assert.equal(await tokens.read(second), undefined);
  assert.equal(await tokens.has("bootstrap"), false);

  const expired = await tokens.issue("old", "admin", new Date(Date.now() - 1));
  assert.equal(await tokens.read(expired), undefined);
  assert.equal(await tokens.read(""), undefined);

  const kept = await readFile(`${store.path}-wal`, "latin1");
  for (const text of [first, second, expired]) assert.ok(!kept.includes(text.slice(3)));
});
