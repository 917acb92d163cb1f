import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openApi } from "../../../test/api.fixture.ts";
import { suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { vmResource } from "../../spine/gate.ts";
import type { FindingDocument, FindingList } from "../contract/finding.ts";

/** An API with one finding, and people who call it. */
async function open(t: TestContext) {
  const { services, host, vm, call } = await openApi(t);
  const resource = vmResource(await host.hypervisor.domains.find(vm.uuid), host);
  const at = new Date();
  await services.findings.observe({ vm: resource, verdicts: [verdictOf([suspicionOf("1")])], at });
  await services.responder.idle();
  return { services, call, vm };
}

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

test("GET findings: who may see the VM sees what was found on it, by what it is", async (t) => {
  const { call, vm } = await open(t);
  const list = async (query: string): Promise<FindingList> => {
    const { status, body } = await call("auditor", "GET", `/findings${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const { items, total } = await list("");
  assert.equal(total, 1);
  const [item] = items;
  assert.equal(item?.vm.uuid, vm.uuid);
  assert.equal(item?.evidence[0]?.address, "0xffff888001234000");
  for (const [query, count] of [
    [`?vm=${vm.name}`, 1],
    ["?vm=another", 0],
    ["?state=closed", 0],
    ["?state=all&severity=high", 1],
    ["?severity=critical", 0],
    ["?technique=T1014", 1],
    ["?technique=T1055.008", 0],
    ["?detector=nobody", 0],
    ["?limit=1", 1],
  ] as const) {
    assert.equal((await list(query)).total, count, query);
  }
  assert.equal((await call("auditor", "GET", "/findings?severity=awful")).status, 400);
  assert.equal((await call(undefined, "GET", "/findings")).status, 401);
});

test("POST findings: an officer says that it is known, an operator that it is dealt with", async (t) => {
  const { call } = await open(t);
  const { body } = await call("operator", "GET", "/findings");
  const { id } = (body as FindingList).items[0] ?? { id: "" }; // the API's own schema
  const path = `/findings/${id.slice(0, 12)}`;
  const known = { reason: "It is our honeypot.", until: inDays(30) };
  assert.equal((await call("operator", "POST", `${path}/acknowledge`, known)).status, 403);
  assert.equal((await call("auditor", "POST", `${path}/close`, { reason: "no" })).status, 403);
  assert.equal((await call(undefined, "POST", `${path}/close`, { reason: "no" })).status, 401);
  const late = { ...known, until: inDays(400) };
  assert.equal((await call("officer", "POST", `${path}/acknowledge`, late)).status, 400);
  const acknowledged = await call("officer", "POST", `${path}/acknowledge`, known);
  assert.equal(acknowledged.status, 200, JSON.stringify(acknowledged.body));
  const document: FindingDocument = acknowledged.body;
  assert.equal(document.state, "acknowledged");
  assert.deepEqual(document.acknowledged, { by: "account:silke", until: known.until });
  const closed = await call("operator", "POST", `${path}/close`, { reason: "Reinstalled." });
  assert.equal(closed.body.state, "closed");
  assert.equal(closed.body.note, "Reinstalled.");
  assert.equal((await call("operator", "POST", `${path}/close`, { reason: "no" })).status, 409);
  assert.equal((await call("operator", "GET", `/findings/${"0".repeat(32)}`)).status, 404);
  assert.equal((await call("operator", "GET", "/findings/x")).status, 404);
});

test("GET findings: what rules would have done about it is with it", async (t) => {
  const { call } = await open(t);
  const { body } = await call("officer", "GET", "/findings");
  const { id } = (body as FindingList).items[0] ?? { id: "" }; // the API's own schema
  const { responses }: FindingDocument = (await call("officer", "GET", `/findings/${id}`)).body;
  // Libvirt's test driver has no disks to keep.
  assert.deepEqual(
    responses.map(({ rule, response }) => `${rule}: ${response}`),
    ["keep-evidence-of-hidden-things: snapshot"],
  );
});

test("GET watch: without sweeps nothing is known, and what was found counts", async (t) => {
  const { call, vm } = await open(t);
  const { body } = await call("auditor", "GET", `/vms/${vm.uuid}/watch`);
  assert.equal(body.watched, false);
  assert.equal(body.verdict, "suspicious");
  assert.equal(body.coverage.looked, 0);
  assert.equal(
    (await call("auditor", "POST", `/vms/${vm.uuid}/watch/sweep`)).body.code,
    "operation/refused",
  );
});
