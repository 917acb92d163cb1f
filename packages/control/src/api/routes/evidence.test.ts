import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openApi } from "../../../test/api.fixture.ts";
import { rebuildProjections } from "../../facts/rebuild-projections.ts";
import { checkEvidence } from "../../watch/evidence/check-evidence.ts";
import type { EvidenceList } from "../contract/evidence.ts";

const never = new AbortController().signal;

test("GET evidence: who may look there lists it and gets the bundle, which is a fact", async (t) => {
  const { services, call, fetchBytes, vm, directory, close } = await openApi(t);
  const save = async (who: "operator" | "auditor", parameters: object) => {
    const path = `/vms/${vm.uuid}/operations/vm.evidence.save`;
    const { body } = await call(who, "POST", path, { requestId: randomUUID(), parameters });
    return await services.spine.settled(body.id, never);
  };
  const { id, state, message } = await save("operator", {});
  assert.equal(state, "done", message);
  const list = async (): Promise<EvidenceList> => (await call("auditor", "GET", "/evidence")).body;
  const [item, ...others] = (await list()).items;
  assert.deepEqual(others, []);
  assert.equal(item?.id, id);
  assert.equal(item.by, "account:otto");
  assert.equal((await call("auditor", "GET", `/evidence/${id}`)).body.manifest, item.manifest);
  assert.equal((await call(undefined, "GET", "/evidence")).status, 401);
  assert.equal((await call("auditor", "GET", `/evidence/${randomUUID()}`)).status, 404);
  assert.equal((await call("auditor", "GET", "/evidence/x")).status, 400);

  const { status, bytes } = await fetchBytes("auditor", `/evidence/${id}/bundle`);
  assert.equal(status, 200);
  assert.equal(bytes.length, item.bytes);
  const copy = join(directory, "copy.tar");
  await writeFile(copy, bytes);
  const key = services.ledger.keys[0]?.key;
  assert.equal((await checkEvidence(copy, { key })).verdict, "sealed");
  const facts = await Array.fromAsync(services.ledger.walk());
  const read = facts.filter(({ kind }) => kind === "evidence/read");
  assert.deepEqual(
    read.map(({ actor, body }) => [actor, body["evidence"]]),
    [["account:aino", id]],
  );

  await rm(join(directory, "evidence", `${id}.tar`));
  assert.equal((await list()).items[0]?.bytes, undefined);
  assert.equal((await fetchBytes("auditor", `/evidence/${id}/bundle`)).status, 404);
  await close();
  for (const { name, equal } of (await rebuildProjections(directory)).tables) {
    assert.ok(equal, name);
  }
});

test("GET evidence: what processes hold is for who had leave to save it, and nobody else", async (t) => {
  const { services, call, fetchBytes, vm } = await openApi(t);
  const requestId = randomUUID();
  const path = `/vms/${vm.uuid}/operations/vm.evidence.save`;
  const order = { requestId, parameters: { all: true } };
  const { body } = await call("operator", "POST", path, order);
  assert.equal(body.state, "awaiting-approval");
  const { planHash } = body;
  const approved = await call("officer", "POST", `/requests/${requestId}/approve`, { planHash });
  assert.equal(approved.status, 200, JSON.stringify(approved.body));
  assert.equal((await services.spine.settled(requestId, never)).state, "done");
  const bundle = `/evidence/${requestId}/bundle`;
  assert.equal((await fetchBytes("operator", bundle)).status, 200);
  for (const who of ["auditor", "officer"] as const) {
    assert.equal((await fetchBytes(who, bundle)).status, 403, who);
  }
});

test("vm.evidence.save: findings are the VM's own, and what does not run shows nothing", async (t) => {
  const { call, vm, host } = await openApi(t);
  const ask = async (parameters: object) => {
    const path = `/vms/${vm.uuid}/operations/vm.evidence.save`;
    const order = { requestId: randomUUID(), parameters, dryRun: true };
    return (await call("operator", "POST", path, order)).body;
  };
  assert.equal((await ask({ findings: ["0123456789"] })).code, "finding/unknown");
  const { plan } = await ask({});
  assert.match(plan.steps.join("\n"), /views kernel, processes/);
  assert.doesNotMatch(plan.steps.join("\n"), /cmdline|userMemory/);
  assert.match((await ask({ all: true })).plan.steps.join("\n"), /userMemory.*\n.*cmdline/);
  await host.hypervisor.domains.destroy(vm.uuid, {});
  assert.equal((await ask({})).code, "operation/refused");
});

test("vm.evidence.save: the whole RAM is planned with its size and its pause, and nothing is left where it fails", async (t) => {
  const { services, call, vm, directory } = await openApi(t);
  const path = `/vms/${vm.uuid}/operations/vm.evidence.save`;
  const requestId = randomUUID();
  const ask = async (parameters: object, dryRun: boolean) =>
    (await call("operator", "POST", path, { requestId, parameters, dryRun })).body;
  const { plan, decision } = await ask({ memory: { pause: { limit: 200 } } }, true);
  assert.match(
    plan.steps.join("\n"),
    /whole RAM of test, 8 GiB[\s\S]*Pause test .* 200 ms at most/,
  );
  assert.equal(plan.downtime, true);
  assert.ok(plan.diskBytes > 8 * 1024 ** 3);
  assert.equal(decision.kind, "needs-approval");
  const { planHash } = await ask({ memory: {} }, false);
  await call("officer", "POST", `/requests/${requestId}/approve`, { planHash });
  // libvirt's test driver has no memory to be read.
  const { state, message } = await services.spine.settled(requestId, never);
  assert.equal(state, "failed");
  assert.match(message ?? "", /expected a VM of QEMU/);
  assert.deepEqual(await readdir(join(directory, "evidence")), []);
  assert.deepEqual(await services.evidence.list(), []);
});

test("evidence.delete: a bundle goes once an officer agrees, and what sealed it stays", async (t) => {
  const { services, call, fetchBytes, vm, directory } = await openApi(t);
  const saved = randomUUID();
  const path = `/vms/${vm.uuid}/operations/vm.evidence.save`;
  await call("operator", "POST", path, { requestId: saved, parameters: {} });
  assert.equal((await services.spine.settled(saved, never)).state, "done");
  const ask = async (evidence: string) => {
    const order = { requestId: randomUUID(), parameters: { evidence } };
    return (await call("operator", "POST", "/operations/evidence.delete", order)).body;
  };
  assert.equal((await ask(randomUUID())).code, "evidence/unknown");
  const { id, state, planHash, plan } = await ask(saved);
  assert.equal(state, "awaiting-approval");
  assert.match(plan.steps[0], /^Delete evidence .* of test, saved .* by account:otto: /);
  await call("officer", "POST", `/requests/${id}/approve`, { planHash });
  assert.equal((await services.spine.settled(id, never)).state, "done");
  assert.deepEqual(await readdir(join(directory, "evidence")), []);
  const [listed] = await services.evidence.list();
  assert.deepEqual([listed?.id, listed?.bytes], [saved, undefined]);
  assert.equal((await fetchBytes("operator", `/evidence/${saved}/bundle`)).status, 404);
  assert.equal((await ask(saved)).code, "operation/refused");
});
