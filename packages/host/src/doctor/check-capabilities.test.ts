import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilities } from "./capabilities.ts";
import type { Capability } from "./capability.ts";
import { checkCapabilities } from "./check-capabilities.ts";
import { describeLacking, parseVersion } from "./versions.ts";

const context = { dataDirectory: "/nonexistent/casemate" };
const capability = (probe: Capability["probe"]): Capability => ({ id: "x", title: "X", probe });

async function check(probe: Capability["probe"], signal?: AbortSignal, limit?: number) {
  return Array.fromAsync(checkCapabilities([capability(probe)], context, signal, limit));
}

test("checkCapabilities: a probe that throws is unusable, with its words", async () => {
  const thrown = await check(async () => {
    throw new Error("the cable is out.");
  });
  assert.deepEqual(thrown, [
    { id: "x", title: "X", state: "unusable", detail: "the cable is out" },
  ]);
});

test("checkCapabilities: a probe that never answers is unusable, and told to stop", async () => {
  let told: AbortSignal | undefined;
  const [late] = await check(
    (_, signal) => {
      told = signal;
      return new Promise(() => {});
    },
    undefined,
    20,
  );
  assert.equal(late?.state, "unusable");
  assert.match(late?.detail ?? "", /no answer within 0.02 s/);
  assert.equal(told?.aborted, true);
});

test("checkCapabilities: the signal ends it all with its reason", async () => {
  const controller = new AbortController();
  const never = check(() => new Promise(() => {}), controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(never, /enough/);
});

test("capabilities: ids are unique, stable words", () => {
  const ids = capabilities.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[a-z]+(-[a-z]+)*$/);
});

test("describeLacking: what came after the version, and nothing when it has all", () => {
  const features = [{ since: [9, 9] as const, what: "reverting" }];
  assert.equal(describeLacking([9, 0], features), "; lacks reverting (since 9.9)");
  assert.equal(describeLacking([10, 0], features), "");
  assert.deepEqual(parseVersion("QEMU emulator version 7.2.22 (Debian)"), [7, 2]);
});
