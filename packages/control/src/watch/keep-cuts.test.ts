import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cutEvents, type HostAgent, type HostEvent } from "@casemate/agent";
import { openSpine } from "../../test/spine.fixture.ts";
import { VmLocks } from "../spine/vm-locks.ts";
import { keepCuts } from "./keep-cuts.ts";

const label = "casemate:cut:731:10.00:20.00";

/** A VM of which a process is cut off, by its label, and a host whose events the test makes up. */
async function open(t: TestContext) {
  const fixture = await openSpine(t);
  const { host, services, vm, failures } = fixture;
  const listeners = new Set<(event: HostEvent) => void>();
  const { domains } = host.hypervisor;
  await domains.setLabels(vm.uuid, [label, "prod"]);
  await services.world.observe(host, vm.uuid, { kind: "unknown", noticed: "reconciliation" });
  const agent: HostAgent = Object.create(host, {
    id: { value: host.id },
    hypervisor: { value: host.hypervisor },
    cuts: {
      value: {
        read: async () => ({ processes: [{ pid: 731, started: "10.00", since: "20.00" }] }),
        rejoin: () => domains.setLabels(vm.uuid, ["prod"]),
      },
    },
    subscribe: {
      value: (listener: (event: HostEvent) => void) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
    },
  });
  const kept = keepCuts(agent, { ...services, runner: { locks: new VmLocks() } }, (thrown) =>
    failures.push(thrown),
  );
  t.after(() => kept[Symbol.asyncDispose]());
  const tell = (what: string, detail: string) => {
    const { uuid, name } = vm;
    for (const listener of listeners)
      listener({ at: new Date(), type: "vm", what, vm: { uuid, name }, detail });
  };
  const factsOf = async (kind: string, count: number) => {
    for (;;) {
      const facts = await Array.fromAsync(services.ledger.walk());
      const found = facts.filter((fact) => fact.kind === kind);
      if (found.length >= count) return found;
      await sleep(10);
    }
  };
  return { ...fixture, tell, factsOf };
}

test("keepCuts: the cut of a process that has ended is lifted, recorded first, and is nobody's change", async (t) => {
  const { tell, factsOf, host, vm, services, failures } = await open(t);
  tell(cutEvents.ended, "731@10.00");
  tell(cutEvents.ended, "731@10.00"); // it is told until it is lifted
  const [fact] = await factsOf("cut/ended", 1);
  assert.equal(fact?.actor, "system:watch");
  while ((await host.hypervisor.domains.find(vm.uuid)).labels.length > 1) await sleep(10);
  const changed = (await factsOf("vm/changed", 1)).at(-1);
  assert.equal(changed?.actor, "system:watch");
  assert.deepEqual(changed?.body["attribution"], { kind: "watch", fact: "cut/ended" });
  assert.equal((await factsOf("cut/ended", 1)).length, 1);
  assert.deepEqual(await services.world.labelsOf(vm.uuid), ["prod"]);
  assert.deepEqual(failures, []);
});

test("keepCuts: a guest that cannot be followed is said and recorded, and that it can be again", async (t) => {
  const { tell, factsOf, alarms, failures } = await open(t);
  tell(cutEvents.stale, "Cannot look: it was damaged.");
  const [stale] = await factsOf("cut/stale", 1);
  assert.equal(stale?.sealed?.["message"], "Cannot look: it was damaged.");
  assert.match(alarms.join(), /is not known any more.*Cannot look/);
  tell(cutEvents.followed, "");
  await factsOf("cut/followed", 1);
  assert.deepEqual(failures, []);
});
