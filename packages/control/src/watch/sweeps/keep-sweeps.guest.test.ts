import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { attachHost, type HostAgent } from "@casemate/agent";
import { milliseconds } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { usualAllowances } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import { ensureImage, labCacheDir, PrivateLibvirt } from "@casemate/lab";
import { policyDirectory } from "../../../test/spine.fixture.ts";
import { assemble } from "../../assemble.ts";
import type { Services } from "../../services.ts";
import { keepSweeps, type Sweeps } from "./keep-sweeps.ts";
import { usualSweeps } from "./sweep-settings.ts";
import type { VmWatchState } from "./vm-verdicts.ts";

const stack = new AsyncDisposableStack();
const failures: unknown[] = [];
let libvirt: LibvirtConnection;
let agent: HostAgent;
let services: Services;
let sweeps: Sweeps;
let uuid: string;

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-sweeps-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { kernel, initramfs } = await ensureImage({ cacheDir: labCacheDir });
  const { uri } = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  libvirt = stack.use(await LibvirtConnection.open(uri));
  agent = stack.use(await attachHost({ uri }));
  services = await assemble(
    {
      ...{ directory, policyDirectory, hosts: new Map([[agent.id, agent]]) },
      url: () => "https://127.0.0.1",
      onFailure: (thrown) => failures.push(thrown),
      onAlarm: () => {},
    },
    stack,
  );
  ({ uuid } = await libvirt.createDomain(`
    <domain type="qemu">
      <name>web01</name>
      <memory unit="MiB">256</memory>
      <memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>
      <os>
        <type arch="x86_64" machine="q35">hvm</type>
        <kernel>${kernel.vmlinuz}</kernel>
        <initrd>${initramfs}</initrd>
        <cmdline>quiet cryptomgr.notests</cmdline>
      </os>
      <features><acpi/><apic/></features>
      <cpu mode="maximum"/>
      <devices><controller type="usb" model="none"/></devices>
    </domain>`));
  // Booted as soon as its initramfs has started the last of what it starts.
  while (!(await readNames().catch((): unknown[] => [])).includes("httpd")) await sleep(250);
  const parts = { ...services, allowancesOf: () => usualAllowances };
  const settings = { ...usualSweeps, interval: 500, cpuPerMinute: 60_000, look: 5_000 };
  sweeps = stack.use(keepSweeps(agent, parts, settings, (thrown) => failures.push(thrown)));
});
after(() => stack.disposeAsync());

async function readNames(): Promise<readonly unknown[]> {
  const look = { view: "processes", budget: milliseconds(10_000) };
  const { items } = await agent.inspect(uuid, look);
  return items.map(({ name }) => name);
}

/** The state of the watch over the VM, once it is as wanted. */
async function awaitState(isWanted: (state: VmWatchState) => boolean): Promise<VmWatchState> {
  for (;;) {
    const state = sweeps.stateOf(uuid);
    if (state !== undefined && isWanted(state)) return state;
    assert.deepEqual(failures, []);
    await sleep(100);
  }
}

async function facts(kind: string) {
  const all = await Array.fromAsync(services.ledger.walk());
  return all.filter((fact) => fact.kind === kind && fact.subject === `vm:${uuid}`);
}

test("keepSweeps: a VM that runs is swept, and again", async () => {
  const first = await awaitState(({ lastSweep }) => lastSweep !== undefined);
  assert.equal(first.failure, undefined);
  const at = first.lastSweep?.at;
  const next = await awaitState(({ lastSweep }) => lastSweep?.at !== at);
  assert.deepEqual(next.classes, ["kernelMetadata", "kernelText"]);
  assert.equal(next.coverage.total, detectors.length);
  assert.ok(next.budget.cpuMsLastMinute > 0);
  const refused = detectors
    .filter(({ needs }) => needs.includes("userMemory") || needs.includes("fileContents"))
    .map(({ id }) => id);
  assert.deepEqual(
    next.unasked
      .filter(({ reason }) => reason.startsWith("No policy"))
      .map((each) => each.detector),
    refused,
  );
});

test("keepSweeps: that it looks, and at what, stands in the ledger once", async () => {
  const [began, ...others] = await facts("watch/began");
  assert.deepEqual(began?.body["classes"], ["kernelMetadata", "kernelText"]);
  assert.equal(began?.actor, "system:watch");
  assert.deepEqual(others, []);
});

test("keepSweeps: a sound guest has no findings, also where it is swept on request", async () => {
  const state = await sweeps.now(uuid);
  assert.deepEqual(
    state.detectors.filter(({ verdict }) => verdict === "suspicious"),
    [],
  );
  assert.deepEqual(await services.findings.list(), []);
});

test("keepSweeps: what does not run is not swept, and that ends in the ledger", async () => {
  await agent.hypervisor.domains.destroy(uuid, {});
  while ((await facts("watch/ended")).length === 0) await sleep(50);
  assert.equal(sweeps.stateOf(uuid), undefined);
  await assert.rejects(sweeps.now(uuid), { code: /^vm\// });
  assert.deepEqual(failures, []);
});
