import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { isolatedLabel } from "@casemate/agent";
import { type JsonObject, MiB } from "@casemate/core";
import { TestHost } from "../../test/test-host.fixture.ts";
import { defineVm } from "./define-vm.ts";
import { deleteVm } from "./delete-vm.ts";
import { exportVm } from "./export-vm.ts";
import { importVm } from "./import-vm.ts";
import { inspectVm } from "./inspect-vm.ts";
import { openConsole } from "./open-console.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
let host: TestHost;
let source: string;

before(async () => {
  host = await TestHost.start();
  source = await host.image("source.img", 4, "raw");
  await writeFile(source, Buffer.alloc(4 * MiB, "casemate"));
});

after(async () => await host?.[Symbol.asyncDispose]());

/** QEMU's own word on whether two images hold the same. */
async function verifySame(a: string, b: string): Promise<void> {
  await run("qemu-img", ["compare", "-U", a, b]);
}

async function diskOf(name: string): Promise<string> {
  const [disk] = (await host.agent.hypervisor.domains.find(name)).disks;
  assert.ok(disk !== undefined && "path" in disk.source);
  return disk.source.path;
}

const small: JsonObject = { name: "fresh", memory: 32 * MiB, type: "qemu" };

test("defineVm: makes a VM of a few words, with a copy of an image and a new disk", async () => {
  const disks = [
    { copyOf: source, format: "raw", capacity: 8 * MiB },
    { capacity: MiB, bus: "sata" },
  ];
  const parameters = { ...small, disks, nics: [{ network: "default" }], media: [] };
  const plan = await host.carryOut(defineVm, { parameters });
  assert.equal(plan.diskBytes, 9 * MiB);
  const vm = await host.agent.hypervisor.domains.find("fresh");
  assert.equal(vm.uuid, plan.details["uuid"]);
  assert.equal(vm.memory, 32 * MiB);
  assert.equal(vm.genid !== undefined, true);
  assert.deepEqual(
    vm.disks.map(({ target, bus }) => [target, bus]),
    [
      ["vda", "virtio"],
      ["sda", "sata"],
    ],
  );
  const copy = await host.agent.hypervisor.images.describe(await diskOf("fresh"), "qcow2");
  assert.equal(copy.virtualSize, 8 * MiB);
  assert.match(await host.refusal(defineVm, { parameters }), /has the name fresh/);
  await assert.rejects(host.plan(defineVm, { parameters: { name: "x" } }), { code: "usage" });
  const unsaid = { ...small, name: "x", disks: [{ copyOf: source }] };
  assert.match(
    await host.refusal(defineVm, { parameters: unsaid }),
    /the format of .* is not said/,
  );
  const copied = {
    ...small,
    name: "x",
    disks: [{ copyOf: await diskOf("fresh"), format: "qcow2" }],
  };
  assert.match(await host.refusal(defineVm, { parameters: copied }), /is a disk of fresh \(vda\)/);
  const used = { ...small, name: "x", disks: [{ path: await diskOf("fresh"), format: "qcow2" }] };
  assert.match(await host.refusal(defineVm, { parameters: used }), /is a disk of fresh \(vda\)/);
});

test("defineVm: cancelled it leaves nothing, and what another put at its place stays", async () => {
  const parameters = { ...small, name: "half", disks: [{ copyOf: source, format: "raw" }] };
  assert.equal((await host.cancelOnProgress(defineVm, { parameters })).outcome, "cancelled");
  const plan = await host.plan(defineVm, { parameters });
  const [disk] = Object(plan.details["disks"]);
  const foreign = await host.image(String(disk.path).split("/").at(-1) ?? "");
  assert.match(await host.refusal(defineVm, { parameters }), /is there already, expected nothing/);
  await host.agent.hypervisor.storage.removeFile(foreign);
});

test("defineVm: takes libvirt's XML, decides what it leaves open, refuses what is not libvirt's", async () => {
  const disk = await host.image("own.qcow2");
  const xml = (devices: string, more = "") => `
    <domain type="qemu" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
      <name>written</name><memory unit="MiB">32</memory>
      <os><type arch="x86_64" machine="q35">hvm</type></os>
      <devices>${devices}</devices>${more}
    </domain>`;
  const nic = `<interface type="user"/>`;
  const drive = `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
    <source file="${disk}"/><target dev="vda" bus="virtio"/></disk>`;
  const requestId = randomUUID();
  const call = { parameters: { xml: xml(nic + drive) }, requestId };
  const plan = await host.carryOut(defineVm, call);
  const vm = await host.agent.hypervisor.domains.find("written");
  assert.equal(vm.uuid, plan.details["uuid"]);
  assert.ok(String(plan.details["xml"]).includes(vm.nics[0]?.mac ?? "none"));
  const other = (devices: string, more?: string) => ({
    parameters: { xml: xml(devices, more).replace("written", "other") },
  });
  assert.match(await host.refusal(defineVm, other(drive)), /own\.qcow2 is a disk of written/);
  const screen = `<graphics type="vnc" passwd="secret"/>`;
  assert.match(await host.refusal(defineVm, other(screen)), /holds a password/);
  const arguments_ = `<qemu:commandline><qemu:arg value="-S"/></qemu:commandline>`;
  assert.match(
    await host.refusal(defineVm, other("", arguments_)),
    /past libvirt \(qemu:commandline\)/,
  );
  const shadow = other("", "<os><kernel>/etc/shadow</kernel></os>");
  await assert.rejects(host.plan(defineVm, shadow), { code: "storage/outside" });
  await host.carryOut(deleteVm, { vm: "written", parameters: { disks: "delete" } });
});

test("exportVm, importVm: disks alone go out and come back with the same content", async () => {
  const { domains } = host.agent.hypervisor;
  const { uuid } = await domains.find("fresh");
  await domains.setLabels(uuid, [isolatedLabel]);
  const plan = await host.carryOut(exportVm, { vm: "fresh", parameters: { format: "qcow2" } });
  assert.ok(plan.irreversible.length > 0);
  const [first, second] = Object(plan.details["disks"]);
  await verifySame(await diskOf("fresh"), first.copy);
  const parameters = { ...small, name: "back", path: first.copy, format: "qcow2" };
  const imported = await host.carryOut(importVm, { parameters });
  const { labels } = await domains.find(String(imported.details["uuid"]));
  assert.deepEqual(labels, [], "it is a new VM, whatever the exported one is known by");
  await domains.setLabels(uuid, []);
  await verifySame(await diskOf("back"), first.copy);
  assert.match(imported.steps.join(" "), /stays as it is; the VM is not started/);
  await assert.rejects(host.plan(importVm, { parameters: { path: first.copy, format: "qcow2" } }), {
    code: "usage",
  });
  await assert.rejects(
    host.plan(importVm, { parameters: { ...parameters, path: "/etc/passwd" } }),
    { code: "storage/outside" },
  );
  await host.carryOut(deleteVm, { vm: "back", parameters: { disks: "delete" } });
  assert.equal((await host.cancelOnProgress(importVm, { parameters })).outcome, "cancelled");
  for (const { copy } of [first, second]) await host.agent.hypervisor.storage.removeFile(copy);
});

test("exportVm: a running VM is copied as it is at one moment; killed, nothing stays", async () => {
  await host.vm(
    "runs",
    `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
    <source file="${await host.image("runs.qcow2", 16)}"/><target dev="vda" bus="virtio"/></disk>`,
  );
  const runs = await host.libvirt.findDomain("runs");
  await host.libvirt.start(runs.uuid);
  const call = { vm: "runs", parameters: { format: "qcow2" }, requestId: randomUUID() };
  const killed = await host.plan(exportVm, call);
  const before = await host.files();
  const [{ copy }] = Object(killed.details["disks"]);
  await host.image(String(copy).split("/").at(-1) ?? "");
  assert.equal((await host.settle(exportVm, killed)).outcome, "undone");
  assert.deepEqual(await host.files(), before);
  const plan = await host.carryOut(exportVm, call);
  await verifySame(copy, await diskOf("runs"));
  await exportVm.undo?.({ host: host.agent, plan }, never);
  assert.deepEqual(await host.files(), before);
  assert.equal((await host.cancelOnProgress(exportVm, call)).outcome, "cancelled");
});

test("exportVm, importVm: a package goes out and comes back as the same machine", async () => {
  const plan = await host.carryOut(exportVm, { vm: "fresh", parameters: { format: "ova" } });
  const path = String(plan.details["packageFile"]);
  assert.match(path, /fresh-[0-9a-f]{8}\.ova$/);
  const parameters = { path, format: "ovf", name: "again", type: "qemu" };
  const lost = await host.refusal(importVm, { parameters });
  assert.match(lost, /it has an interface on default, expected a network of this host for it/);
  const call = { parameters: { ...parameters, networks: { default: "default" } } };
  const imported = await host.carryOut(importVm, call);
  assert.match(imported.steps.join(" "), /are as its manifest says/);
  const [fresh, again] = [
    await host.agent.hypervisor.domains.find("fresh"),
    await host.agent.hypervisor.domains.find("again"),
  ];
  assert.deepEqual([again.memory, again.vcpus], [fresh.memory, fresh.vcpus]);
  assert.notEqual(again.nics[0]?.mac, fresh.nics[0]?.mac);
  await verifySame(await diskOf("fresh"), await diskOf("again"));
  await host.carryOut(deleteVm, { vm: "again", parameters: { disks: "delete" } });
  assert.equal((await host.cancelOnProgress(importVm, call)).outcome, "cancelled");
});

test("openConsole: connects with a running VM that has one", async () => {
  assert.match(
    await host.refusal(openConsole, { vm: "fresh" }),
    /it is shutoff, expected it to run/,
  );
  const plan = await host.plan(openConsole, { vm: "runs" });
  const answer = await openConsole.execute(
    { host: host.agent, plan, actor: "account:test", progress: () => {} },
    never,
  );
  assert.ok(answer instanceof Duplex);
  answer.destroy();
  const other = { vm: "runs", parameters: { device: "serial7" } };
  assert.match(await host.refusal(openConsole, other), /expected serial7/);
});

test("inspectVm: answers what the host sees, and refuses a VM that does not run", async () => {
  const call = { vm: "runs", parameters: { view: "kernel", budget: 500 } };
  assert.match(
    await host.refusal(inspectVm, { ...call, vm: "fresh" }),
    /it is shutoff, expected it to run/,
  );
  const plan = await host.plan(inspectVm, call);
  assert.deepEqual(plan.effects, [{ kind: "memory", id: plan.details["uuid"], change: "read" }]);
  // Its firmware found no system: the look gets as far as that.
  await assert.rejects(
    inspectVm.execute({ host: host.agent, plan, actor: "account:test", progress: () => {} }, never),
    ({ code }: { code?: string }) => code === "kernel/not-found" || code === "inspect/budget",
  );
  assert.notEqual(
    (await host.plan(inspectVm, { ...call, parameters: { view: "kernel", pause: {} } })).hash,
    plan.hash,
  );
});
