import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openStore } from "../store/store.ts";
import { bootstrapPrincipal, localPrincipal } from "./principal.ts";
import { tokensIn } from "./tokens.ts";

test("Tokens: the local one opens until it is replaced or revoked, the bootstrap one is given once", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-tokens-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await using store = await openStore(directory);
  const tokens = tokensIn(store.db);

  const first = await tokens.issueLocal();
  assert.equal(await tokens.read(first), localPrincipal);
  const second = await tokens.issueLocal();
  assert.equal(await tokens.read(first), undefined);
  assert.equal(await tokens.read(second), localPrincipal);
  await tokens.revokeLocal();
  assert.equal(await tokens.read(second), undefined);
  assert.equal(await tokens.read(""), undefined);

  const bootstrap = await tokens.takeBootstrap();
  assert.equal(await tokens.read(bootstrap ?? ""), bootstrapPrincipal);
  assert.equal(await tokens.takeBootstrap(), undefined);
  await store.db.deleteFrom("tokens").execute();
  assert.equal(await tokens.takeBootstrap(), undefined);

  const kept = await readFile(`${store.path}-wal`, "latin1");
  for (const text of [first, second, bootstrap ?? ""]) assert.ok(!kept.includes(text.slice(3)));
});
