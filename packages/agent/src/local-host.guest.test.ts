import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { ensureImage, labCacheDir, PrivateLibvirt } from "@casemate/lab";
import type { HostAgent } from "./host-agent.ts";
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

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-agent-"));
  pauses = join(scratch, "data", "pauses");
  const { kernel, initramfs } = await ensureImage({ cacheDir: labCacheDir });
  const { uri } = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  libvirt = stack.use(await LibvirtConnection.open(uri));
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
  host = stack.use(await attachHost({ uri, pauses }));
  // Booted as soon as its initramfs has started the last of what it starts.
  while (!(await readNames().catch((): unknown[] => [])).includes("httpd")) await sleep(250);
});

after(async () => {
  await stack.disposeAsync();
  await rm(scratch, { recursive: true, force: true });
});

async function readNames(): Promise<readonly unknown[]> {
  const { items } = await host.inspect(uuid, { view: "processes", budget });
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
