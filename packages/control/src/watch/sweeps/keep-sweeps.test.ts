import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { GuestSweep, HostAgent, HostEvent, SweepRequest } from "@casemate/agent";
import { CasemateError } from "@casemate/core";
import { usualAllowances, type Verdict } from "@casemate/inspect";
import { usualDetectors as detectors } from "@casemate/inspect/detectors";
import { openSpine, policyDirectory } from "../../../test/spine.fixture.ts";
import { suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { keepSweeps } from "./keep-sweeps.ts";
import { type SweepSettings, usualSweeps } from "./sweep-settings.ts";

/** Sweeps over libvirt's test driver, whose VM has no memory: `answer` says what detectors find in it. */
async function open(
  t: TestContext,
  answer: (request: SweepRequest) => Pick<GuestSweep, "verdicts" | "cpuMs">,
  more: { readonly policyDirectory?: string; readonly settings?: Partial<SweepSettings> } = {},
) {
  const { policyDirectory: policies = policyDirectory } = more;
  const fixture = await openSpine(t, { policyDirectory: policies });
  const shown = {
    modules: 1,
    digest: "00",
    tainted: 0,
    nextProgram: 1,
    cpuMs: 10_000,
    bootedAt: new Date(),
  };
  const { services, host, vm, failures } = fixture;
  const requests: SweepRequest[] = [];
  const listeners = new Set<(event: HostEvent) => void>();
  const agent: HostAgent = {
    ...{ id: host.id, name: host.name, uri: host.uri, hypervisor: host.hypervisor },
    status: () => host.status(),
    listVms: (signal) => host.listVms(signal),
    inspect: () => assert.fail("nobody looks here"),
    scan: () => assert.fail("nobody scans here"),
    glance: async () => shown,
    readPages: () => assert.fail("nobody reads pages here"),
    extractMemory: () => assert.fail("nobody extracts memory here"),
    ...{ processes: host.processes, cuts: host.cuts },
    watchFiles: () => assert.fail("nobody watches here"),
    async sweep(_uuid, request) {
      requests.push(request);
      return { subject: vm.name, takenAt: new Date(), elapsedMs: 1, ...answer(request) };
    },
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const parts = { ...services, allowancesOf: () => usualAllowances };
  const settings = { ...usualSweeps, ...more.settings };
  const sweeps = keepSweeps(agent, parts, settings, (thrown) => failures.push(thrown));
  t.after(() => sweeps[Symbol.asyncDispose]());
  const tell = (what: string) => {
    for (const each of listeners) each({ at: new Date(), type: "vm", what, vm });
  };
  return { ...fixture, sweeps, requests, tell, shown };
}

/** Every detector that is asked looked at everything. */
function clean({ detectors: asked }: SweepRequest): readonly Verdict[] {
  return asked.map((detector) => verdictOf([], { detector }));
}

const kernelOnly = detectors.filter(({ needs }) =>
  needs.every((need: string) => need.startsWith("kernel")),
);
test("keepSweeps: what a sweep finds is a finding, and one that looks at all closes it", async (t) => {
  let found = [suspicionOf("1")];
  const { sweeps, services, vm } = await open(t, (request) => ({
    verdicts: clean(request).map((each, index) => (index === 0 ? verdictOf(found) : each)),
    cpuMs: 1,
  }));
  const state = await sweeps.now(vm.uuid);
  assert.equal(state.verdict, "suspicious");
  const [finding] = await services.findings.list();
  assert.equal(finding?.vm.name, vm.name);
  assert.equal(finding.state, "open");
  found = [];
  assert.equal((await sweeps.now(vm.uuid)).lastSweep?.cpuMs, 1);
  assert.equal((await services.findings.get(finding.id)).state, "closed");
});

test("keepSweeps: what no policy lets it read is not read, and its checks did not look", async (t) => {
  const { sweeps, vm, requests } = await open(t, (request) => ({
    verdicts: clean(request),
    cpuMs: 1,
  }));
  const state = await sweeps.now(vm.uuid);
  assert.deepEqual(requests[0]?.classes, ["kernelMetadata", "kernelText"]);
  assert.equal(state.coverage.looked, kernelOnly.length);
  assert.equal(state.coverage.total, detectors.length);
  assert.equal(state.verdict, detectors.length > kernelOnly.length ? "inconclusive" : "clean");
});

test("keepSweeps: a policy of the site lets it read more of some VMs", async (t) => {
  const policies = await mkdtemp(join(tmpdir(), "casemate-policy-"));
  t.after(() => rm(policies, { recursive: true, force: true }));
  await cp(policyDirectory, policies, { recursive: true });
  await writeFile(
    join(policies, "site.cedar"),
    `@id("watch-reads-user-memory")
permit (
  principal == User::"system:watch",
  action == Action::"vm.inspect.userMemory",
  resource
) when { context.source == Source::"system" && resource.name == "test" };`,
  );
  const answer = (request: SweepRequest) => ({ verdicts: clean(request), cpuMs: 1 });
  const { sweeps, vm, requests } = await open(t, answer, { policyDirectory: policies });
  await sweeps.now(vm.uuid);
  assert.deepEqual(requests[0]?.classes, ["kernelMetadata", "kernelText", "userMemory"]);
});

test("keepSweeps: where a glance shows a module that is new it is swept at once", async (t) => {
  const answer = (request: SweepRequest) => ({ verdicts: clean(request), cpuMs: 1 });
  const settings = { glanceInterval: 20, cpuPerMinute: 10_000_000 };
  const { sweeps, vm, requests, shown } = await open(t, answer, { settings });
  const before = await sweeps.now(vm.uuid);
  assert.ok(before.budget.cpuMsLastMinute >= 10_000, "glances are paid for");
  await sleep(100);
  assert.equal(requests.length, 1);
  shown.modules += 1;
  while (requests.length < 2) await sleep(10);
  await sleep(100);
  assert.equal(requests.length, 2, "it is known by now");
});

test("keepSweeps: on request every detector looks that may, and it is paid for", async (t) => {
  const { sweeps, vm, requests } = await open(t, (request) => ({
    verdicts: clean(request),
    cpuMs: 100_000,
  }));
  await sweeps.now(vm.uuid);
  const state = await sweeps.now(vm.uuid);
  assert.equal(requests.length, 2);
  for (const { detectors: asked, withDisks } of requests) {
    assert.deepEqual(
      asked,
      kernelOnly.map(({ id }) => id),
    );
    assert.equal(withDisks, true);
  }
  assert.ok(state.budget.cpuMsLeft < 0);
  assert.ok(state.budget.cpuMsLastMinute >= 200_000);
});

test("keepSweeps: a guest that cannot be looked into is not clean, says why, and is tried again", async (t) => {
  let broken = true;
  const { sweeps, vm, failures } = await open(t, (request) => {
    if (broken) throw new CasemateError("kernel/not-found", "Cannot find a kernel: none is there.");
    return { verdicts: clean(request), cpuMs: 1 };
  });
  const state = await sweeps.now(vm.uuid);
  assert.equal(state.verdict, "inconclusive");
  assert.equal(state.failure?.code, "kernel/not-found");
  const wait = Date.parse(state.nextSweep ?? "") - Date.now();
  assert.ok(wait < usualSweeps.interval);
  broken = false;
  assert.equal((await sweeps.now(vm.uuid)).failure, undefined);
  assert.deepEqual(failures, []);
});

test("keepSweeps: a VM that starts is another guest, one that stops is swept no more", async (t) => {
  const { sweeps, vm, tell, services } = await open(t, (request) => ({
    verdicts: clean(request),
    cpuMs: 1,
  }));
  await sweeps.now(vm.uuid);
  tell("started");
  const anew = sweeps.stateOf(vm.uuid);
  assert.deepEqual(anew?.detectors, []);
  assert.ok(Date.parse(anew?.nextSweep ?? "") - Date.now() <= 5_000);
  tell("stopped");
  assert.equal(sweeps.stateOf(vm.uuid), undefined);
  await sweeps[Symbol.asyncDispose]();
  const facts = await Array.fromAsync(services.ledger.walk());
  const kinds = facts.map(({ kind }) => kind).filter((kind) => kind.startsWith("watch/"));
  assert.deepEqual(kinds, ["watch/began", "watch/ended"]);
});
