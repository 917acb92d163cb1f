import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { openSpine, people } from "../../test/spine.fixture.ts";

const never = new AbortController().signal;
const { olga, omar, sofia, anna } = people;

test("Spine: what needs no approval is done, verified and recorded, intent before outcome", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine, ledger } = services;
  const id = randomUUID();
  await spine.submit(
    { id, operation: "vm.pause", target: vm, parameters: {}, principal: olga },
    never,
  );
  const ended = await spine.settled(id, never);
  assert.equal(ended.state, "done");
  assert.equal((await host.hypervisor.domains.find(vm.uuid)).state, "paused");
  const facts = await Array.fromAsync(ledger.walk());
  const kinds = facts.filter(({ subject }) => subject === `vm:${vm.uuid}`).map(({ kind }) => kind);
  assert.deepEqual(kinds.slice(0, 2), ["request/made", "operation/intended"]);
  assert.deepEqual(kinds.slice(2).toSorted(), ["operation/ended", "vm/appeared"]);
});

test("Spine: the same request id is the same request, and never done twice", async (t) => {
  const { services, vm } = await openSpine(t);
  const { spine } = services;
  const id = randomUUID();
  const order = { id, operation: "vm.pause", target: vm, parameters: {}, principal: olga };
  const taken = await Promise.all(Array.from({ length: 8 }, () => spine.submit(order, never)));
  for (const each of taken) assert.equal(each.id, id);
  await spine.settled(id, never);
  assert.equal((await spine.submit(order, never)).state, "done");
  await assert.rejects(spine.submit({ ...order, operation: "vm.resume" }, never), {
    code: "request/id-used",
  });
  await assert.rejects(spine.submit({ ...order, principal: omar }, never), {
    code: "request/id-used",
  });
  const facts = await Array.fromAsync(services.ledger.walk());
  assert.equal(facts.filter(({ kind }) => kind === "operation/intended").length, 1);
});

test("Spine: operations on one VM are ordered; none is lost", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine } = services;
  const ids = Array.from({ length: 100 }, () => randomUUID());
  await Promise.all(
    ids.map(async (id, i) => {
      const operation = i % 2 === 0 ? "vm.pause" : "vm.resume";
      const order = { id, operation, target: vm, parameters: {}, principal: olga };
      await spine.submit(order, never).catch((thrown: unknown) => {
        // Planned at the wrong moment: refused, and nothing recorded.
        assert.equal((thrown as { code?: unknown }).code, "operation/refused");
      });
      if ((await services.requests.find(id)) !== undefined) await spine.settled(id, never);
    }),
  );
  const all = await services.requests.list({ limit: 1_000 });
  const done = all.filter(({ state }) => state === "done").map(({ operation }) => operation);
  for (const each of all) assert.ok(["done", "failed"].includes(each.state), each.state);
  const paused = (await host.hypervisor.domains.find(vm.uuid)).state === "paused";
  const pauses = done.filter((operation) => operation === "vm.pause").length;
  assert.equal(pauses - (done.length - pauses), paused ? 1 : 0);
  const facts = await Array.fromAsync(services.ledger.walk());
  let open = 0;
  for (const { kind } of facts) {
    if (kind === "operation/intended") open += 1;
    if (kind === "operation/ended") open -= 1;
    assert.ok(open === 0 || open === 1, "two operations at once on one VM");
  }
});

test("Spine: who may not do it is denied, and that is recorded", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine } = services;
  const id = randomUUID();
  const denied = await spine.submit(
    { id, operation: "vm.kill", target: vm, parameters: {}, principal: anna },
    never,
  );
  assert.equal(denied.state, "denied");
  assert.equal((await host.hypervisor.domains.find(vm.uuid)).state, "running");
  await assert.rejects(
    spine.preview({ id, operation: "vm.kill", target: vm, parameters: {}, principal: anna }, never),
    { code: "auth/denied" },
  );
  const limited = { ...olga, scopes: ["vm.read"] };
  const outside = await spine.submit(
    { id: randomUUID(), operation: "vm.pause", target: vm, parameters: {}, principal: limited },
    never,
  );
  assert.equal(outside.state, "denied");
});

test("Spine: a preview changes and records nothing", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const size = services.ledger.size;
  const order = {
    id: randomUUID(),
    operation: "vm.kill",
    target: vm,
    parameters: {},
    principal: olga,
  };
  const first = await services.spine.preview(order, never);
  const second = await services.spine.preview(order, never);
  assert.equal(first.plan.hash, second.plan.hash);
  assert.equal(first.decision.kind, "permitted");
  assert.equal(services.ledger.size, size);
  await host.hypervisor.domains.suspend(vm.uuid);
  await host.hypervisor.domains.destroy(vm.uuid, {});
  await assert.rejects(services.spine.preview(order, never), { code: "operation/refused" });
});

test("Spine: a restore needs another person's approval of its very plan", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine } = services;
  await host.hypervisor.snapshots.create(vm.uuid, { name: "before", kind: "internal" });
  const id = randomUUID();
  const parameters = { snapshot: "before" };
  const asked = await spine.submit(
    { id, operation: "vm.restore", target: vm, parameters, principal: olga },
    never,
  );
  assert.equal(asked.state, "awaiting-approval");
  assert.equal(asked.duties[0]?.by, "security-officer");
  const yes = { planHash: asked.planHash, signature: null };
  await assert.rejects(spine.approve(id, { ...yes, principal: olga }, never), {
    code: "request/own",
  });
  const secondAccount = { ...sofia, account: "olga-2", person: "olga" };
  await assert.rejects(spine.approve(id, { ...yes, principal: secondAccount }, never), {
    code: "request/own",
  });
  await assert.rejects(spine.approve(id, { ...yes, principal: omar }, never), {
    code: "auth/denied",
  });
  await assert.rejects(
    spine.approve(id, { principal: sofia, planHash: "0".repeat(64), signature: null }, never),
    { code: "request/changed" },
  );
  await spine.approve(id, { ...yes, principal: sofia }, never);
  const ended = await spine.settled(id, never);
  assert.equal(ended.state, "done", ended.message);
  await assert.rejects(spine.approve(id, { ...yes, principal: people.sven }, never), {
    code: "request/not-open",
  });
});

test("Spine: of two approvals at once, where one is needed, one counts and the request is done once", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine, requests, ledger } = services;
  await host.hypervisor.snapshots.create(vm.uuid, { name: "before", kind: "internal" });
  const id = randomUUID();
  const parameters = { snapshot: "before" };
  const order = { id, operation: "vm.restore", target: vm, parameters, principal: olga };
  const { planHash } = await spine.submit(order, never);
  const answers = await Promise.allSettled(
    [sofia, people.sven].map((principal) =>
      spine.approve(id, { principal, planHash, signature: null }, never),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  assert.equal((await spine.settled(id, never)).state, "done");
  assert.equal((await requests.get(id)).approvals.length, 1);
  const facts = await Array.fromAsync(ledger.walk());
  const begun = facts.filter(
    ({ kind, body }) => kind === "operation/intended" && body["request"] === id,
  );
  assert.equal(begun.length, 1);
});

test("Spine: of two approvals at once, where two are needed, both count", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine } = services;
  await host.hypervisor.domains.setLabels(vm.uuid, ["confidential"]);
  const id = randomUUID();
  const parameters = { view: "environ", argument: "1", budget: 1_000 };
  const order = { id, operation: "vm.inspect", target: vm, parameters, principal: olga };
  const { planHash, duties } = await spine.submit(order, never);
  assert.ok(duties.some(({ count }) => count === 2));
  await Promise.all(
    [sofia, people.sven].map((principal) =>
      spine.approve(id, { principal, planHash, signature: null }, never),
    ),
  );
  assert.equal((await services.requests.get(id)).state, "approved");
});

test("Spine: of two who come for one answer at once, one is answered", async (t) => {
  const { services, vm } = await openSpine(t);
  const { spine } = services;
  const id = randomUUID();
  const parameters = { view: "processes" };
  const order = { id, operation: "vm.inspect", target: vm, parameters, principal: olga };
  assert.equal((await spine.submit(order, never)).state, "approved");
  const answers = await Promise.allSettled([
    spine.answer(id, olga, never),
    spine.answer(id, olga, never),
  ]);
  const codes = answers.map((each) => (each.status === "rejected" ? each.reason.code : "answered"));
  // The test driver has no memory to look into.
  assert.equal(codes.filter((code) => code === "request/not-open").length, 1, codes.join(" "));
  const facts = await Array.fromAsync(services.ledger.walk());
  assert.equal(facts.filter(({ kind }) => kind === "operation/intended").length, 1);
});

test("Spine: when the VM is another by then, an approval is void and asked for again", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine } = services;
  const { snapshots, domains } = host.hypervisor;
  await snapshots.create(vm.uuid, { name: "before", kind: "internal" });
  const id = randomUUID();
  const asked = await spine.submit(
    {
      id,
      operation: "vm.restore",
      target: vm,
      parameters: { snapshot: "before" },
      principal: olga,
    },
    never,
  );
  await domains.destroy(vm.uuid, {});
  const yes = { planHash: asked.planHash, principal: sofia, signature: null };
  await spine.approve(id, yes, never);
  const again = await spine.settled(id, never);
  assert.equal(again.state, "awaiting-approval");
  assert.notEqual(again.planHash, asked.planHash);
  assert.deepEqual(again.approvals, []);
  await spine.approve(id, { ...yes, planHash: again.planHash }, never);
  assert.equal((await spine.settled(id, never)).state, "done");
});

test("Spine: a request is rejected, withdrawn, or expires, and is not begun then", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine } = services;
  await host.hypervisor.snapshots.create(vm.uuid, { name: "before", kind: "internal" });
  const ask = async () => {
    const id = randomUUID();
    const parameters = { snapshot: "before" };
    await spine.submit(
      { id, operation: "vm.restore", target: vm, parameters, principal: olga },
      never,
    );
    return id;
  };
  const rejected = await spine.reject(await ask(), sofia, "not this week");
  assert.equal(rejected.state, "rejected");
  assert.equal(rejected.message, "not this week");
  assert.equal((await spine.cancel(await ask(), olga)).state, "cancelled");
  await assert.rejects(spine.reject(await ask(), omar, "no"), { code: "auth/denied" });
  await spine.expire(new Date(Date.now() + 60_000));
  const states = (await services.requests.list()).map(({ state }) => state);
  assert.deepEqual(states.toSorted(), ["cancelled", "expired", "rejected"]);
});

test("Spine: behind broken glass nobody is waited for, once, and everybody hears of it", async (t) => {
  const { services, host, vm } = await openSpine(t);
  const { spine, breakGlass } = services;
  await host.hypervisor.snapshots.create(vm.uuid, { name: "before", kind: "internal" });
  const code = await breakGlass.seal(sofia);
  const id = randomUUID();
  const use = { code, reason: "the data centre is on fire", principal: olga, requestId: id };
  await assert.rejects(breakGlass.use({ ...use, code: "bg_wrong" }), {
    code: "breakglass/wrong-code",
  });
  const reason = await breakGlass.use(use);
  await spine.submit(
    {
      ...{ id, operation: "vm.restore", target: vm, parameters: { snapshot: "before" } },
      ...{ principal: olga, breakGlass: reason },
    },
    never,
  );
  const ended = await spine.settled(id, never);
  assert.equal(ended.state, "done");
  assert.equal(ended.breakGlass, true);
  await assert.rejects(breakGlass.use(use), { code: "breakglass/unreviewed" });
  const [used] = await breakGlass.list();
  assert.equal(used?.requestId, id);
  await assert.rejects(breakGlass.review(used?.id ?? "", olga, "fine"), { code: "auth/denied" });
  await breakGlass.review(used?.id ?? "", sofia, "there was a fire");
  await assert.rejects(breakGlass.use(use), { code: "breakglass/wrong-code" });
});
