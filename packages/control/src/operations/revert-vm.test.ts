import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { openSpine, people } from "../../test/spine.fixture.ts";
import { watchActor } from "../watch/findings/finding-facts.ts";

const never = new AbortController().signal;

async function open(t: TestContext) {
  const fixture = await openSpine(t);
  const { services, host, vm } = fixture;
  const { snapshots } = host.hypervisor;
  return {
    ...fixture,
    order: () => ({
      ...{ id: randomUUID(), operation: "vm.revert", target: vm, parameters: {} },
      principal: people.olga,
    }),
    take: async (name: string) => {
      const { createdAt } = await snapshots.create(vm.uuid, { name, kind: "internal" });
      return { snapshot: name, createdAt: createdAt.toISOString() };
    },
    record: (kind: string, body: Readonly<Record<string, string>>) =>
      services.facts.record({
        ...{ kind, actor: watchActor, subject: `vm:${vm.uuid}` },
        body: { host: host.id, looked: 9, total: 10, unseen: [], ...body },
      }),
  };
}

test("revertVm: where nothing is known clean it is refused, with what to do", async (t) => {
  const { services, order, take, record } = await open(t);
  const refused = async (message: RegExp) =>
    await assert.rejects(services.spine.submit(order(), never), {
      ...{ code: "operation/refused", message, next: /vm restore/ },
    });
  await refused(/no sweep has found one of its snapshots clean/);
  const state = await take("one");
  await record("snapshot/known-clean", state);
  await record("snapshot/doubted", { ...state, finding: "0123" });
  await record("snapshot/known-clean", { snapshot: "gone", createdAt: state.createdAt });
  await refused(/what was found since may have been in one already/);
});

test("revertVm: goes back to the last that is known clean, once a security officer agrees", async (t) => {
  const { services, order, take, record, host, vm } = await open(t);
  const state = await take("one");
  await record("snapshot/known-clean", state);
  await take("two");
  const asked = order();
  const { state: waiting, plan, duties } = await services.spine.submit(asked, never);
  assert.equal(waiting, "awaiting-approval");
  assert.deepEqual(new Set(duties.map(({ by }) => by)), new Set(["security-officer"]));
  assert.match(plan?.steps[0] ?? "", /^The last state known clean is one of .*: 9 of 10 checks/);
  const approval = { principal: people.sofia, planHash: plan?.hash ?? "", signature: null };
  await services.spine.approve(asked.id, approval, never);
  const { state: ended, message } = await services.spine.settled(asked.id, never);
  assert.equal(ended, "done", message);
  const all = await host.hypervisor.snapshots.list(vm.uuid);
  assert.equal(all.find(({ current }) => current)?.name, "one");
});
