import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openSpine, people } from "../../test/spine.fixture.ts";
import { rebuildProjections } from "./rebuild-projections.ts";

const never = new AbortController().signal;

test("rebuildProjections: tables made anew from facts are what they were, damaged or not", async (t) => {
  const { services, host, vm, directory, close } = await openSpine(t);
  await host.hypervisor.snapshots.create(vm.uuid, { name: "before", kind: "internal" });
  for (const [operation, parameters] of [
    ["vm.pause", {}],
    ["vm.resume", {}],
    ["vm.restore", { snapshot: "before" }],
    ["vm.kill", {}],
  ] as const) {
    const id = randomUUID();
    const order = { id, operation, target: vm, parameters, principal: people.olga };
    await services.spine.submit(order, never);
    await services.spine.settled(id, never);
  }
  const facts = services.ledger.size;
  await close();
  const rebuilt = await rebuildProjections(directory);
  assert.equal(rebuilt.facts, facts);
  assert.ok(rebuilt.tables.some(({ name, rows }) => name === "requests" && rows === 4));
  for (const { name, equal } of rebuilt.tables) assert.ok(equal, name);

  await writeFile(join(directory, "projections.db"), "no database");
  for (const { name, equal } of (await rebuildProjections(directory)).tables) {
    assert.ok(equal, name);
  }
});
