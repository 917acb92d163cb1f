import assert from "node:assert/strict";
import { mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@casemate/core";
import { LibvirtConnection, openMemoryImage } from "@casemate/host";
import { type DataClass, usualAllowances } from "@casemate/inspect";
import { labCacheDir, PrivateLibvirt, startSmallGuest } from "@casemate/lab";
import { neededClasses } from "./guest-sweep.ts";
import type { HostAgent } from "./host-agent.ts";
import { Guest } from "./inspector/guest.ts";
import { attachHost } from "./local-host.ts";

const budget = milliseconds(10_000);
/** Longer than any look takes here. */
const limit = milliseconds(5_000);

const stack = new AsyncDisposableStack();
let scratch: string;
let pauses: string;
let libvirt: LibvirtConnection;
let host: HostAgent;
let uuid: string;
/** A second VM, of the same build. */
let other: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-agent-"));
  pauses = join(scratch, "data", "pauses");
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  const { uri } = daemon;
  libvirt = stack.use(await LibvirtConnection.open(uri));
  ({ uuid } = stack.use(await startSmallGuest(daemon, libvirt, { name: "web01" })));
  ({ uuid: other } = stack.use(await startSmallGuest(daemon, libvirt, { name: "web02" })));
  host = stack.use(await attachHost({ uri, pauses }));
  // Booted as soon as its initramfs has started the last of what it starts.
  for (const vm of [uuid, other]) {
    while (!(await readNames(vm).catch((): unknown[] => [])).includes("httpd")) await sleep(250);
  }
});

after(async () => {
  await stack.disposeAsync();
  await rm(scratch, { recursive: true, force: true });
});

async function readNames(vm: string): Promise<readonly unknown[]> {
  const { items } = await host.inspect(vm, { view: "processes", budget });
  return items.map(({ name }) => name);
}

async function readUptime(): Promise<number> {
  const { items } = await host.inspect(uuid, { view: "kernel", budget });
  return Number(items[0]?.["uptimeSeconds"]);
}

test("HostAgent.inspect: with a pause the guest stands still for the walk, and runs on", async () => {
  const table = await host.inspect(uuid, { view: "processes", budget, pause: { limit } });
  const { paused, consistency, items } = table;
  assert.equal(paused?.outcome, "frozen");
  assert.ok(paused.microseconds > 0);
  assert.equal(consistency, "consistent");
  assert.ok(items.some(({ name }) => name === "httpd"));
  assert.equal((await libvirt.findDomain(uuid)).state, "running");
  assert.deepEqual(await readdir(pauses), []);
  const uptime = await readUptime();
  while ((await readUptime()) <= uptime) await sleep(100);
});

test("HostAgent.inspect: a guest that somebody else has paused is looked into and stays so", async () => {
  await libvirt.suspend(uuid);
  const { paused, items } = await host.inspect(uuid, { view: "processes", budget, pause: {} });
  assert.deepEqual(paused, { outcome: "already-paused", microseconds: 0 });
  assert.ok(items.length > 0);
  assert.equal((await libvirt.findDomain(uuid)).state, "paused");
  await libvirt.resume(uuid);
});

test("HostAgent.extractMemory: what is read out of the extract is what the VM shows", async () => {
  const path = join(scratch, "ram.lime");
  await using file = await open(path, "w+");
  const fractions: number[] = [];
  const request = { fd: file.fd, at: 0, pause: { limit } };
  const tell = (fraction: number) => void fractions.push(fraction);
  const extract = await host.extractMemory(uuid, request, tell);
  assert.equal(extract.consistency, "consistent");
  assert.equal(extract.paused?.outcome, "frozen");
  assert.equal((await libvirt.findDomain(uuid)).state, "running");
  assert.equal((await stat(path)).size, extract.bytes);
  assert.ok(fractions.length > 0 && fractions.every((each, i) => each >= (fractions[i - 1] ?? 0)));
  const told = /^(\d+)$/m.exec(await libvirt.hmp(uuid, "info memory_size_summary"))?.[1];
  assert.ok(extract.ramBytes >= Number(told ?? 128 * 1024 ** 2), `${extract.ramBytes} of ${told}`);
  await using image = await Guest.open(await openMemoryImage(path));
  const seen = image.read({ view: "processes", budget });
  assert.equal(seen.consistency, "consistent");
  const live = await host.inspect(uuid, { view: "processes", budget });
  // Which of the kernel's workers there are, and at what, changes by the moment.
  const listed = (rows: typeof live.items) =>
    rows.map(({ pid, name }) => `${pid} ${name}`).filter((each) => !each.includes("kworker/"));
  assert.deepEqual(listed(seen.items), listed(live.items));
});

test("HostAgent.extractMemory: of a VM that stands still it is consistent without a pause of its own", async () => {
  await using file = await open(join(scratch, "still.lime"), "w+");
  await libvirt.suspend(uuid);
  const still = await host.extractMemory(uuid, { fd: file.fd, at: 0 });
  await libvirt.resume(uuid);
  assert.equal(still.consistency, "consistent");
  assert.equal(still.changedBytes, 0);
  const running = await host.extractMemory(uuid, { fd: file.fd, at: 0 });
  assert.equal(running.consistency, running.changedBytes === 0 ? "consistent" : "torn");
});

test("HostAgent.extractMemory: one that is cancelled ends, and so does what copied", async () => {
  await using file = await open(join(scratch, "cancelled.lime"), "w+");
  const stop = new AbortController();
  const extracting = host.extractMemory(
    uuid,
    { fd: file.fd, at: 0, pause: {} },
    () => stop.abort(),
    stop.signal,
  );
  await assert.rejects(extracting, { name: "AbortError" });
  assert.equal((await libvirt.findDomain(uuid)).state, "running");
  assert.deepEqual(await readdir(pauses), []);
});

test("HostAgent.sweep: without a disk, code is compared with VMs that were swept with leave to read it", async () => {
  const request = {
    detectors: ["kernel-text"],
    allowances: usualAllowances,
    withDisks: false,
    budget,
  };
  const ask = async (vm: string, classes: readonly DataClass[]) =>
    (await host.sweep(vm, { ...request, classes })).verdicts[0];
  const whole = neededClasses(["kernel-text"]);
  const alone = await ask(uuid, whole);
  assert.match(alone?.missed[0]?.reason ?? "", /Nor is there another guest/);
  const refused = await ask(other, ["kernelMetadata"]);
  assert.equal(refused?.verdict, "inconclusive");
  assert.equal((await ask(uuid, whole))?.verdict, "inconclusive");
  assert.equal((await ask(other, whole))?.verdict, "clean");
  assert.equal((await ask(uuid, whole))?.verdict, "clean");
});

test("HostAgent.sweep: what is kept of a VM outlasts the sweep of another: RAM that is mapped takes no room", async () => {
  const detectors = ["foreign-code"];
  const classes = neededClasses(detectors);
  const request = { detectors, classes, allowances: usualAllowances, withDisks: false, budget };
  const count = async (vm: string) => (await host.sweep(vm, request)).verdicts[0]?.steps ?? 0;
  const first = await count(uuid);
  assert.ok((await count(other)) > first / 2, "as much is looked at of the other");
  const again = await count(uuid);
  assert.ok(again < first / 2, `${again} of ${first}`);
});

test("HostAgent.sweep: has an inspector without rights put memory to YARA rules", async () => {
  const source = 'rule shell { strings: $a = "BusyBox v" condition: $a and filename != "x" }';
  const request = {
    detectors: ["signatures"],
    classes: neededClasses(["signatures"]),
    allowances: usualAllowances,
    withDisks: false,
    budget,
  };
  const rules = [{ path: "/rules/own.yar", namespace: "own", source }];
  const { verdicts } = await host.sweep(uuid, { ...request, rules });
  const [verdict] = verdicts;
  assert.equal(verdict?.verdict, "suspicious", JSON.stringify(verdict?.missed));
  const [found] = verdict.suspicions.filter(({ key }) => key.startsWith("file "));
  assert.match(found?.key ?? "", /^file \/.*busybox.*: own:shell$/);
  assert.match(found?.evidence[1]?.seen ?? "", /^9 bytes, SHA-256 [0-9a-f]{64}$/);
  const [without] = (await host.sweep(uuid, request)).verdicts;
  assert.equal(without?.verdict, "inconclusive");
  const wrong = [{ path: "/rules/own.yar", namespace: "own", source: "rule" }];
  await assert.rejects(host.sweep(uuid, { ...request, rules: wrong }), { code: "rules/malformed" });
});

test("HostAgent.inspect: neither a look that does not ask for it nor one that fails pauses", async () => {
  using events = await libvirt.watch();
  const { paused } = await host.inspect(uuid, { view: "processes", budget });
  assert.equal(paused, undefined);
  const request = { view: "maps", argument: "999999", budget, pause: { limit } };
  await assert.rejects(host.inspect(uuid, request), { code: "inspect/not-found" });
  // Events come in order: had there been a pause, these would not be the first.
  await libvirt.destroy(uuid);
  const { value } = await events.next();
  assert.ok(value?.kind === "lifecycle" && ["shutdown", "stopped"].includes(value.event));
});
