import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chown, mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { attachHost, type HostAgent } from "@casemate/agent";
import { milliseconds } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { usualAllowances } from "@casemate/inspect";
import { usualDetectors as detectors } from "@casemate/inspect/detectors";
import { type GuestConsole, labCacheDir, PrivateLibvirt, startSmallGuest } from "@casemate/lab";
import { people, policyDirectory } from "../../../test/spine.fixture.ts";
import { suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { localPrincipal } from "../../accounts/principal.ts";
import { assemble } from "../../assemble.ts";
import type { Services } from "../../services.ts";
import { vmResource } from "../../spine/gate.ts";
import { checkEvidence } from "../evidence/check-evidence.ts";
import { keepSweeps, type Sweeps } from "./keep-sweeps.ts";
import { type SweepSettings, usualSweeps } from "./sweep-settings.ts";
import type { VmWatchState } from "./vm-verdicts.ts";

const never = new AbortController().signal;
const stack = new AsyncDisposableStack();
const failures: unknown[] = [];
let libvirt: LibvirtConnection;
let shell: GuestConsole;
let agent: HostAgent;
let services: Services;
let sweeps: Sweeps;
let uuid: string;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-sweeps-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir, givesFiles: true }),
  );
  const { uri } = daemon;
  libvirt = stack.use(await LibvirtConnection.open(uri));
  const pool = await mkdtemp(join(tmpdir(), "casemate-pool-"));
  stack.defer(() => rm(pool, { recursive: true, force: true }));
  const owner = await stat("/var/lib/libvirt/qemu");
  await chown(pool, owner.uid, owner.gid);
  const disk = join(pool, "disk.qcow2");
  await promisify(execFile)("qemu-img", ["create", "-q", "-f", "qcow2", disk, "1M"]);
  const devices = `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
    <source file="${disk}"/><target dev="vda" bus="virtio"/></disk>`;
  const guest = stack.use(await startSmallGuest(daemon, libvirt, { name: "web01", devices }));
  ({ uuid, console: shell } = guest);
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
  // Booted as soon as its initramfs has started the last of what it starts.
  while (!(await readNames().catch((): unknown[] => [])).includes("httpd")) await sleep(250);
  sweeps = keep({ interval: 500 });
});
after(async () => {
  await sweeps?.[Symbol.asyncDispose]();
  await stack.disposeAsync();
});

function keep(more: Partial<SweepSettings>): Sweeps {
  const parts = { ...services, allowancesOf: () => usualAllowances };
  const settings = { ...usualSweeps, cpuPerMinute: 60_000, look: 5_000, ...more };
  return keepSweeps(agent, parts, settings, (thrown) => failures.push(thrown));
}

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

test("keepSweeps: where the guest loads a module it is swept at once", async () => {
  await sweeps[Symbol.asyncDispose]();
  // Nothing but glances would have it swept while this test runs.
  sweeps = keep({ interval: 3_600_000, glanceInterval: 50 });
  const { lastSweep } = await sweeps.now(uuid);
  for (const command of [
    "rmmod virtio_rng",
    "insmod $(find /lib/modules -name 'virtio-rng.ko*')",
  ]) {
    const before = sweeps.stateOf(uuid)?.lastSweep?.at ?? lastSweep?.at;
    await shell.output(`busybox ${command}`);
    await awaitState((state) => state.lastSweep?.at !== before);
  }
  const glance = await agent.glance(uuid, milliseconds(1_000));
  assert.ok(glance !== undefined && glance.modules > 0 && glance.nextProgram >= 0);
});

test("CleanStates: a snapshot whose guest was swept since is known clean, and the VM goes back to it", async () => {
  // libvirt tells when a snapshot was made in whole seconds: one of the second in which the watch began may be older.
  await sleep(1_000);
  await agent.hypervisor.snapshots.create(uuid, { name: "before", kind: "internal" });
  await sweeps.now(uuid);
  const [known] = await services.cleanStates.of(uuid);
  assert.equal(known?.name, "before", JSON.stringify(sweeps.stateOf(uuid)?.detectors));
  for (const { account: name, person, roles } of [people.olga, people.sofia]) {
    await services.people.accounts.create({ name, person, roles }, localPrincipal);
  }
  const id = randomUUID();
  const target = { kind: "vm", uuid, name: "web01", hostId: agent.id } as const;
  const order = { id, operation: "vm.revert", target, parameters: {}, principal: people.olga };
  const { plan } = await services.spine.submit(order, never);
  assert.match(plan?.steps[0] ?? "", /^The last state known clean is before of/);
  const approval = { principal: people.sofia, planHash: plan?.hash ?? "", signature: null };
  await services.spine.approve(id, approval, never);
  const { state, message } = await services.spine.settled(id, never);
  assert.equal(state, "done", message);
  assert.ok((await readNames()).includes("httpd"), "it runs on from then");
  assert.equal((await services.cleanStates.of(uuid))[0]?.doubtedBy, undefined);
});

test("EvidenceStore.save: what a guest shows is verified elsewhere, and its bytes are those of its memory", async () => {
  const vm = vmResource(await agent.hypervisor.domains.find(uuid), agent);
  const { items } = await agent.inspect(uuid, { view: "kernel", budget: milliseconds(10_000) });
  const { textBase, buildId } = items[0] ?? {};
  // Told by nobody but this test: a sound guest has none. The other address is a process's.
  const evidence = [String(textBase), "0x00007f0000001000"].map((address) => ({
    ...{ what: "code", address },
  }));
  const [first, second] = evidence;
  assert.ok(first && second);
  const suspicion = suspicionOf("1", { evidence: [first, second] });
  await services.findings.observe({ vm, verdicts: [verdictOf([suspicion])], at: new Date() });
  const [found] = await services.findings.list();
  const id = randomUUID();
  const target = { kind: "vm", uuid, name: vm.name, hostId: agent.id } as const;
  const parameters = { findings: [found?.id.slice(0, 12)] };
  const order = { id, operation: "vm.evidence.save", target, parameters, principal: people.olga };
  await services.spine.submit(order, never);
  const { state, message } = await services.spine.settled(id, never);
  assert.equal(state, "done", message);

  const bundle = join(directory, "evidence", `${id}.tar`);
  const key = services.ledger.keys[0]?.key;
  const { verdict, seal, parts } = await checkEvidence(bundle, { key });
  assert.equal(verdict, "sealed");
  const { manifest, facts } = seal ?? assert.fail("it is sealed");
  assert.equal(manifest.kernel?.buildId, buildId);
  assert.equal(manifest.host.id, agent.id);
  assert.deepEqual(manifest.missed, []);
  const views = ["kernel", "processes", "modules", "sockets", "mounts", "log", "bpf", "hooks"];
  const page = `memory/${String(textBase).slice(2)}.bin`;
  for (const name of [...views.map((view) => `views/${view}.json`), "verdict.json", page]) {
    assert.ok(
      parts.some((part) => part.name === name),
      name,
    );
  }
  assert.ok(facts.some(({ kind }) => kind === "finding/raised"));

  const files = join(directory, "files");
  await mkdir(files);
  await promisify(execFile)("tar", ["-C", files, "-xf", bundle]);
  const { items: pages } = JSON.parse(await readFile(join(files, "memory/pages.json"), "utf8"));
  assert.deepEqual(
    pages.map(({ file }: { readonly file: string }) => file),
    [page],
  );
  // QEMU itself is the oracle.
  const [{ physical, path }] = pages;
  const told = await libvirt.hmp(uuid, `xp /512xg ${physical}`);
  const words = [...told.matchAll(/ 0x([0-9a-f]{16})/g)].map(([, word]) => BigInt(`0x${word}`));
  assert.equal(words.length, 512);
  const bytes = await readFile(join(files, page));
  assert.deepEqual(
    words.map((_, index) => bytes.readBigUInt64LE(8 * index)),
    words,
  );
  const walked = await libvirt.hmp(uuid, `gva2gpa ${textBase}`);
  assert.match(walked, new RegExp(`gpa: ${physical}\\b`));
  assert.deepEqual(
    path.map(({ table }: { readonly table: string }) => table).slice(0, 2),
    items[0]?.["pagingLevels"] === 5 ? ["pgd", "p4d"] : ["p4d", "pud"],
  );
});

test("keepSweeps: what does not run is not swept, and that ends in the ledger", async () => {
  await agent.hypervisor.domains.destroy(uuid, {});
  while ((await facts("watch/ended")).length === 0) await sleep(50);
  assert.equal(sweeps.stateOf(uuid), undefined);
  await assert.rejects(sweeps.now(uuid), { code: /^vm\// });
  assert.deepEqual(failures, []);
});
