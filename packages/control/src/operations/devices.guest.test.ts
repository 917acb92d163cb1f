import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MiB } from "@casemate/core";
import { findQemuProcess } from "@casemate/host";
import { TestHost } from "../../test/test-host.fixture.ts";
import { attachDisk } from "./attach-disk.ts";
import { attachNic } from "./attach-nic.ts";
import { changeMedia } from "./change-media.ts";
import { detachDisk } from "./detach-disk.ts";
import { detachNic } from "./detach-nic.ts";
import { labelVm } from "./label-vm.ts";
import { verifyFreeSpace } from "./parts/verify-free-space.ts";
import { renameVm } from "./rename-vm.ts";
import { resizeVm } from "./resize-vm.ts";

let host: TestHost;
const never = new AbortController().signal;

before(async () => {
  host = await TestHost.start();
  const disk = await host.image("web.qcow2");
  const mac = "52:54:00:00:00:01";
  const nic = `<interface type="user"><mac address="${mac}"/><model type="virtio"/></interface>`;
  const drive = `<disk type="file" device="cdrom"><target dev="sda" bus="sata"/></disk>`;
  await host.vm("web", asDisk(disk) + nic + drive);
});

after(async () => await host?.[Symbol.asyncDispose]());

function asDisk(path: string, target = "vda", format = "qcow2"): string {
  return `<disk type="file" device="disk"><driver name="qemu" type="${format}"/>
    <source file="${path}"/><target dev="${target}" bus="virtio"/></disk>`;
}

async function find(name: string) {
  return await host.agent.hypervisor.domains.find(name);
}

test("renameVm: refuses a name in use, renames, and undoes that", async () => {
  await host.vm("other");
  const taken = await host.refusal(renameVm, { vm: "web", parameters: { name: "other" } });
  assert.match(taken, /^Cannot rename web to other: VM [0-9a-f-]{36} has the name other, expected/);
  await host.refusal(renameVm, { vm: "web", parameters: { name: "web" } });
  const plan = await host.carryOut(renameVm, { vm: "web", parameters: { name: "www" } });
  assert.equal((await find("www")).uuid, plan.details["uuid"]);
  await renameVm.undo?.({ host: host.agent, plan }, never);
  assert.deepEqual(await renameVm.look({ host: host.agent, plan, executed: false }, never), {
    kind: "undone",
  });
});

test("labelVm: sets all labels, and refuses those that the VM has", async () => {
  const labels = ["env:test", "tier:web"];
  const plan = await host.carryOut(labelVm, { vm: "web", parameters: { labels } });
  assert.deepEqual((await find("web")).labels, labels);
  assert.match(
    await host.refusal(labelVm, { vm: "web", parameters: { labels } }),
    /labels are env:test, tier:web/,
  );
  const parameters = { add: ["backup"], remove: ["env:test"] };
  const changed = await host.carryOut(labelVm, { vm: "web", parameters });
  assert.deepEqual((await find("web")).labels, ["backup", "tier:web"]);
  assert.match(
    await host.refusal(labelVm, { vm: "web", parameters: { add: ["a"], remove: ["a"] } }),
    /a is to be added and removed/,
  );
  await labelVm.undo?.({ host: host.agent, plan: changed }, never);
  await labelVm.undo?.({ host: host.agent, plan }, never);
  assert.deepEqual((await find("web")).labels, []);
});

test("resizeVm: changes what the next start has, and its hash goes by what the VM has now", async () => {
  const call = { vm: "web", parameters: { vcpus: 3, memory: 48 * MiB } };
  const first = await host.plan(resizeVm, call);
  await host.carryOut(resizeVm, { vm: "web", parameters: { vcpus: 1, maxVcpus: 4 } });
  assert.notEqual((await host.plan(resizeVm, call)).hash, first.hash);
  const plan = await host.carryOut(resizeVm, call);
  const { vcpus, maxVcpus, memory, maxMemory } = await find("web");
  assert.deepEqual(
    { vcpus, maxVcpus, memory, maxMemory },
    { vcpus: 3, maxVcpus: 3, memory: 48 * MiB, maxMemory: 48 * MiB },
  );
  assert.match(await host.refusal(resizeVm, call), /it is of this size/);
  await resizeVm.undo?.({ host: host.agent, plan }, never);
  assert.equal((await find("web")).maxVcpus, 4);
  assert.match(
    await host.refusal(resizeVm, { vm: "web", parameters: { vcpus: 5, maxVcpus: 2 } }),
    /more is asked for than the maximum/,
  );
});

test("attachDisk: makes a new disk; what another VM uses, or is not there, is refused", async () => {
  const plan = await host.carryOut(attachDisk, { vm: "web", parameters: { capacity: 8 * MiB } });
  const { file, target } = plan.details;
  assert.equal(target, "vdb");
  assert.ok(
    (await find("web")).disks.some(({ source }) => "path" in source && source.path === file),
  );
  assert.deepEqual(plan.effects.at(-1), { kind: "disk", id: file, change: "created" });
  const use = (path: string) => ({ vm: "other", parameters: { path, format: "qcow2" } });
  assert.match(await host.refusal(attachDisk, use(String(file))), /is a disk of web \(vdb\)/);
  assert.match(await host.refusal(attachDisk, use(join(host.pool, "none"))), /nothing is at/);
  await assert.rejects(host.plan(attachDisk, use("/etc/passwd")), { code: "storage/outside" });
  const unsaid = { vm: "other", parameters: { path: String(file) } };
  assert.match(await host.refusal(attachDisk, unsaid), /the format of .* is not said/);
  await attachDisk.undo?.({ host: host.agent, plan }, never);
  assert.ok(!(await host.files()).some((name) => String(file).endsWith(name)));
});

test("attachDisk: a volume of a pool is known by its path too", async () => {
  const path = await host.image("volume.qcow2");
  await host.vm(
    "pooled",
    `<disk type="volume" device="disk"><driver name="qemu" type="qcow2"/>
    <source pool="default" volume="volume.qcow2"/><target dev="vda" bus="virtio"/></disk>`,
  );
  const parameters = { path, format: "qcow2" };
  assert.match(await host.refusal(attachDisk, { vm: "web", parameters }), /is a disk of pooled/);
});

test("verifyFreeSpace: refuses what the file system has no room for", async () => {
  const files = [{ path: join(host.pool, "huge"), bytes: 2 ** 60 }];
  await assert.rejects(verifyFreeSpace("make it", host.agent, files, never), {
    code: "operation/refused",
    message: /^Cannot make it: .* has .* free, expected 1\d* \w+ at least\.$/,
  });
});

test("attachDisk: what rests on a disk of another VM is seen", async () => {
  const base = await host.image("base.qcow2");
  const path = join(host.pool, "leaf.qcow2");
  await host.agent.hypervisor.images.createOverlay({ path, backing: base, backingFormat: "qcow2" });
  await host.vm("leaf", asDisk(path));
  const refusal = await host.refusal(attachDisk, {
    vm: "web",
    parameters: { path: base, format: "qcow2" },
  });
  assert.match(
    refusal,
    /base\.qcow2 is a backing file of leaf \(vda\), expected a file that no other VM uses/,
  );
});

test("attachDisk: killed before the disk was attached, the new file is taken back", async () => {
  const plan = await host.plan(attachDisk, { vm: "web", parameters: { capacity: MiB } });
  const before = await host.files();
  await host.image(String(plan.details["file"]).split("/").at(-1) ?? "");
  const { outcome, message } = await host.settle(attachDisk, plan);
  assert.equal(outcome, "undone");
  assert.match(String(message), /the new file/);
  assert.deepEqual(await host.files(), before);
});

test("detachDisk: takes a disk out and leaves its file", async () => {
  const kept = await host.image("kept.qcow2");
  await host.carryOut(attachDisk, {
    vm: "web",
    parameters: { path: kept, format: "qcow2", target: "vdc" },
  });
  await host.carryOut(detachDisk, { vm: "web", parameters: { target: "vdc" } });
  assert.ok((await host.files()).includes("kept.qcow2"));
  assert.match(
    await host.refusal(detachDisk, { vm: "web", parameters: { target: "vdc" } }),
    /does not have it/,
  );
});

test("attachNic, detachNic: the address is derived from the request, and is nobody else's", async () => {
  const requestId = randomUUID();
  const plan = await host.carryOut(attachNic, {
    vm: "web",
    parameters: { network: "default" },
    requestId,
  });
  const mac = String(plan.details["mac"]);
  assert.match(mac, /^52:54:00(:[0-9a-f]{2}){3}$/);
  assert.ok((await find("web")).nics.some((nic) => nic.mac === mac));
  const again = await host.plan(attachNic, {
    vm: "other",
    parameters: { network: "default" },
    requestId,
  });
  assert.notEqual(again.details["mac"], mac);
  const same = { vm: "other", parameters: { network: "default", mac } };
  assert.match(await host.refusal(attachNic, same), new RegExp(`web has the address ${mac}`));
  await host.carryOut(detachNic, { vm: "web", parameters: { mac } });
  await host.refusal(detachNic, { vm: "web", parameters: { mac } });
});

test("changeMedia: inserts and ejects; another VM's disk is no medium", async () => {
  const iso = join(host.pool, "cd.iso");
  await writeFile(iso, Buffer.alloc(4096));
  const plan = await host.carryOut(changeMedia, {
    vm: "web",
    parameters: { target: "sda", path: iso },
  });
  assert.match(
    await host.refusal(changeMedia, { vm: "web", parameters: { target: "sda", path: iso } }),
    /it is in it/,
  );
  await changeMedia.undo?.({ host: host.agent, plan }, never);
  assert.match(
    await host.refusal(changeMedia, { vm: "web", parameters: { target: "sda" } }),
    /it is empty/,
  );
  const disk = { vm: "web", parameters: { target: "sda", path: join(host.pool, "leaf.qcow2") } };
  assert.match(await host.refusal(changeMedia, disk), /is a disk of leaf/);
  assert.match(
    await host.refusal(changeMedia, { vm: "web", parameters: { target: "vda" } }),
    /its drives are sda/,
  );
});

test("devices: live changes go into the running VM, and both are seen", async () => {
  await host.libvirt.start((await find("web")).uuid);
  const disk = { capacity: MiB, bus: "usb" };
  const plan = await host.carryOut(attachDisk, { vm: "web", parameters: disk });
  assert.equal(plan.details["scope"], "both");
  assert.match(
    await host.refusal(renameVm, { vm: "web", parameters: { name: "www" } }),
    /it is running, expected shutoff/,
  );
  const sata = { vm: "web", parameters: { capacity: MiB, bus: "sata" } };
  assert.match(await host.refusal(attachDisk, sata), /sata disks cannot come while it does/);
  await host.carryOut(detachDisk, {
    vm: "web",
    parameters: { target: String(plan.details["target"]) },
  });
  await host.carryOut(resizeVm, { vm: "web", parameters: { vcpus: 2, scope: "live" } });
  const much = { vm: "web", parameters: { memory: 256 * MiB } };
  assert.match(await host.refusal(resizeVm, much), /it runs with room for/);
});

test("conclude: killed while libvirt still does it, what became of it is seen at its end", async () => {
  const { uuid } = await find("web");
  const { domains } = host.agent.hypervisor;
  const plan = await host.plan(attachDisk, {
    vm: "web",
    parameters: { capacity: MiB, bus: "usb" },
  });
  const pid = findQemuProcess(uuid);
  process.kill(pid, "SIGSTOP");
  const call = { host: host.agent, plan, actor: "account:test", progress: () => {} };
  // libvirt goes on with it whether or not anybody is left to hear of its end.
  const executing = attachDisk.execute(call, never);
  try {
    while (!(await domains.isOccupied(uuid))) await sleep(50);
    const settling = host.settle(attachDisk, plan);
    await Promise.race([settling, sleep(1_000)]); // it must not be over yet
    process.kill(pid, "SIGCONT");
    await executing;
    const { target, file: path } = plan.details;
    assert.deepEqual(await settling, { outcome: "done", result: { target, path } });
  } finally {
    process.kill(pid, "SIGCONT");
  }
});
