import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bytes, MiB, milliseconds } from "@casemate/core";
import { describeDomain } from "@casemate/host";
import type { HostAgent } from "../host-agent.ts";
import { attachHost } from "../local-host.ts";

// libvirt's own test driver: one running VM called `test`, one pool, nothing of this machine.
let host: HostAgent;

before(async () => {
  host = await attachHost({ uri: "test:///default" });
});

after(async () => await host[Symbol.asyncDispose]());

test("LocalHypervisor.facts: a driver that only plays has no files of its own", async () => {
  const facts = await host.hypervisor.facts();
  assert.equal(facts.driver, "TEST");
  assert.deepEqual([facts.externalSnapshots, facts.backup, facts.consoles], [false, false, false]);
});

test("LocalDomains: finds, describes and changes", async () => {
  const { domains } = host.hypervisor;
  const [vm, ...others] = await domains.list();
  assert.ok(vm);
  assert.deepEqual(others, []);
  assert.deepEqual([vm.name, vm.state, vm.persistent], ["test", "running", true]);
  assert.deepEqual(await domains.find("test"), await domains.find(vm.uuid));
  await assert.rejects(domains.find("nosuch"), { code: "vm/unknown" });
  assert.match(await domains.definition(vm.uuid, "live"), /^<domain type='test' id='\d+'>/);
  await domains.suspend(vm.uuid);
  const limit = milliseconds(1);
  assert.equal(await domains.waitForState(vm.uuid, ["paused"], limit), "paused");
  await domains.resume(vm.uuid);
  await domains.setLabels(vm.uuid, ["b", "a"]);
  assert.deepEqual((await domains.find("test")).labels, ["a", "b"]);
  await domains.destroy(vm.uuid, {});
  await assert.rejects(domains.definition(vm.uuid, "live"), { code: "vm/not-running" });
  await assert.rejects(domains.suspend(vm.uuid), { code: "vm/not-running" });
  await domains.start(vm.uuid, {});
});

test("LocalDomains.find: whoever asks after a change sees it, whoever asked before", async () => {
  const { domains } = host.hypervisor;
  const { uuid } = await domains.find("test");
  const [one, other] = await Promise.all([domains.find(uuid), domains.find(uuid)]);
  assert.deepEqual(one, other);
  const before = domains.find(uuid);
  const changing = domains.suspend(uuid);
  const beside = domains.find(uuid, new AbortController().signal);
  await changing;
  const after = domains.find(uuid);
  assert.equal((await after).state, "paused");
  assert.equal((await before).name, (await beside).name);
  await domains.resume(uuid);
});

test("LocalDomains.find: the digests of what runs and of what the next start uses", async () => {
  const { domains } = host.hypervisor;
  const { uuid, digest, liveDigest } = await domains.find("test");
  const digestOf = async (which: "live" | "inactive") =>
    describeDomain(await domains.definition(uuid, which)).digest;
  assert.deepEqual([digest, liveDigest], [await digestOf("inactive"), await digestOf("live")]);
  await domains.setLabels(uuid, ["c"]);
  const changed = await domains.find("test");
  assert.notEqual(changed.digest, digest);
  assert.equal(changed.digest, await digestOf("inactive"));
  await domains.destroy(uuid, {});
  assert.equal((await domains.find("test")).liveDigest, undefined);
  await domains.start(uuid, {});
});

test("LocalDomains.waitForState: a VM without definition is shut off once it is gone", async () => {
  const { domains } = host.hypervisor;
  const nobody = "00000000-0000-4000-8000-000000000000";
  assert.equal(await domains.waitForState(nobody, ["shutoff"], milliseconds(1)), "shutoff");
  const { uuid } = await domains.find("test");
  const waiting = domains.waitForState(uuid, [], milliseconds(60_000), AbortSignal.timeout(10));
  await assert.rejects(waiting, { code: "cancelled" });
});

test("LocalSnapshots: parents come before their children, whatever libvirt's order", async () => {
  const { snapshots, domains } = host.hypervisor;
  const { uuid } = await domains.find("test");
  for (const name of ["z", "y", "x"]) await snapshots.create(uuid, { kind: "internal", name });
  const names = (await snapshots.list(uuid)).map(({ name }) => name);
  assert.deepEqual(names, ["z", "y", "x"]);
  const { snapshots: removed } = await snapshots.planRemove(uuid, "y", { children: true });
  assert.deepEqual(removed, ["y", "x"]);
  await snapshots.remove(uuid, "z", { children: true });
  assert.deepEqual(await snapshots.list(uuid), []);
  await assert.rejects(snapshots.planRemove(uuid, "z", {}), { code: "snapshot/unknown" });
});

test("LocalStorage: pools and volumes", async () => {
  const { storage } = host.hypervisor;
  const [pool] = await storage.pools();
  assert.ok(pool);
  assert.equal(pool.name, "default-pool");
  const volume = { name: "v", capacity: bytes(MiB), format: "raw" } as const;
  const { path } = await storage.createVolume(pool.uuid, volume);
  assert.deepEqual(
    (await storage.volumes(pool.uuid)).map(({ name }) => name),
    ["v"],
  );
  assert.equal((await storage.findVolume(path))?.capacity, MiB);
  await storage.deleteVolume(path);
  assert.equal(await storage.findVolume(path), undefined);
});

test("LocalImages: what is in no pool is refused", async () => {
  const { images, storage } = host.hypervisor;
  await assert.rejects(images.describe("/etc/passwd", "raw"), { code: "storage/outside" });
  await assert.rejects(storage.removeFile("/etc/passwd"), { code: "storage/outside" });
  await assert.rejects(storage.sha256File("/etc/shadow"), { code: "storage/outside" });
});
