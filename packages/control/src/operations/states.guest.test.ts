import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { MiB } from "@casemate/core";
import { TestHost } from "../../test/test-host.fixture.ts";
import { cloneVm } from "./clone-vm.ts";
import { deleteSnapshot } from "./delete-snapshot.ts";
import { deleteVm } from "./delete-vm.ts";
import { resizeVm } from "./resize-vm.ts";
import { restoreVm } from "./restore-vm.ts";
import { revertVm } from "./revert-vm.ts";
import { snapshotVm } from "./snapshot-vm.ts";

let host: TestHost;
const never = new AbortController().signal;

before(async () => {
  host = await TestHost.start();
  const disk = await host.image("web.qcow2", 64);
  await host.vm("web", `${asDisk(disk)}${nic}`, "<genid/>");
});

after(async () => await host?.[Symbol.asyncDispose]());

const nic = `<interface type="user"><mac address="52:54:00:00:00:01"/><model type="virtio"/></interface>`;

function asDisk(path: string, target = "vda"): string {
  return `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
    <source file="${path}"/><target dev="${target}" bus="virtio"/></disk>`;
}

async function find(name: string) {
  return await host.agent.hypervisor.domains.find(name);
}

test("snapshotVm: keeps a stopped VM inside its image, and the name cannot be given twice", async () => {
  const plan = await host.carryOut(snapshotVm, { vm: "web", parameters: { name: "clean" } });
  assert.equal(plan.details["kind"], "internal");
  const again = await host.refusal(snapshotVm, { vm: "web", parameters: { name: "clean" } });
  assert.equal(
    again,
    "Cannot take a snapshot of web: it has a snapshot clean, expected another name.",
  );
});

test("cloneVm: a full clone has identities of its own, the same for the same request", async () => {
  const requestId = randomUUID();
  const call = { vm: "web", parameters: { name: "copy" }, requestId };
  const planned = await host.plan(cloneVm, call);
  assert.match(planned.steps.join(" "), /machine-id, SSH host keys/);
  const plan = await host.carryOut(cloneVm, call);
  assert.equal(plan.hash, planned.hash);
  const [web, copy] = [await find("web"), await find("copy")];
  assert.notEqual(copy.uuid, web.uuid);
  assert.equal(copy.uuid, plan.details["uuid"]);
  assert.notEqual(copy.nics[0]?.mac, web.nics[0]?.mac);
  assert.notEqual(copy.genid, web.genid);
  assert.match(await host.refusal(cloneVm, call), /has the name copy/);
  const other = { ...call, parameters: { name: "other" } };
  const { hash } = await host.plan(cloneVm, other);
  await host.carryOut(resizeVm, { vm: "web", parameters: { memory: 33 * MiB } });
  assert.notEqual((await host.plan(cloneVm, other)).hash, hash, "its source is another now");
  await host.carryOut(deleteVm, { vm: "copy", parameters: { disks: "delete" } });
});

test("cloneVm: a clone of an internal snapshot is whole; a linked one of it is refused", async () => {
  const parameters = { name: "old", snapshot: "clean" };
  const linked = await host.refusal(cloneVm, {
    vm: "web",
    parameters: { ...parameters, linked: true },
  });
  assert.match(linked, /clean is inside the disk's image, expected a full clone/);
  assert.match(
    await host.refusal(cloneVm, { vm: "web", parameters: { name: "x", snapshot: "no" } }),
    /its snapshots are clean/,
  );
  await host.carryOut(cloneVm, { vm: "web", parameters });
  await host.carryOut(deleteVm, { vm: "old", parameters: { disks: "delete" } });
});

test("cloneVm: cancelled, and killed in the middle, it leaves nothing", async () => {
  const call = { vm: "web", parameters: { name: "half" } };
  const { outcome } = await host.cancelOnProgress(cloneVm, call);
  assert.equal(outcome, "cancelled");
  const plan = await host.plan(cloneVm, call);
  const before = await host.files();
  const disks = plan.details["disks"];
  assert.ok(Array.isArray(disks));
  const [{ to }] = disks;
  await host.image(`.${to.split("/").at(-1)}.partial`);
  const settled = await host.settle(cloneVm, plan);
  assert.equal(settled.outcome, "undone");
  assert.deepEqual(await host.files(), before);
  assert.deepEqual(await host.names(), ["web"]);
});

test("cloneVm: a linked clone freezes what it rests on, which then cannot be deleted", async () => {
  await host.vm("base", asDisk(await host.image("base.qcow2")));
  const call = { vm: "base", parameters: { name: "leaf", linked: true } };
  const before = await host.files();
  const plan = await host.carryOut(cloneVm, call);
  assert.match(
    String(plan.irreversible),
    /base\.qcow2 cannot be changed or deleted for as long as leaf rests on it/,
  );
  const gone = await host.refusal(deleteVm, { vm: "base", parameters: { disks: "delete" } });
  assert.match(gone, /base\.qcow2 is a backing file of leaf \(vda\)/);
  const freeze = plan.details["freeze"];
  assert.ok(freeze instanceof Object && "name" in freeze);
  const { name = "" } = freeze;
  const merge = await host.refusal(deleteSnapshot, { vm: "base", parameters: { name } });
  assert.match(merge, /is a backing file of leaf/);
  const back = await host.refusal(restoreVm, { vm: "base", parameters: { snapshot: name } });
  assert.match(back, /external snapshot, and libvirt is .*, expected libvirt 9\.9 or newer/);
  await cloneVm.undo?.({ host: host.agent, plan }, never);
  const seen = await cloneVm.look({ host: host.agent, plan, executed: false }, never);
  assert.deepEqual(seen, { kind: "undone" });
  assert.deepEqual(await host.files(), before);
  await host.carryOut(deleteVm, { vm: "base", parameters: { disks: "delete" } });
  const internal = await host.refusal(cloneVm, { ...call, vm: "web" });
  assert.match(internal, /stands on the internal snapshot clean/);
});

test("restoreVm: goes back, says what is lost, and its plan is bound to the snapshot", async () => {
  const { uuid } = await find("web");
  await host.libvirt.start(uuid);
  await host.carryOut(snapshotVm, { vm: "web", parameters: { name: "running" } });
  const call = { vm: "web", parameters: { snapshot: "running" } };
  const plan = await host.carryOut(restoreVm, call);
  assert.ok(plan.destroysState && plan.downtime);
  assert.match(plan.irreversible.join(" "), /Everything written to its disks since 20/);
  assert.notEqual((await find("web")).runId, plan.details["runId"]);
  const [clean] = await host.agent.hypervisor.snapshots.list(uuid);
  const known = {
    ...{ name: "clean", createdAt: clean?.createdAt.toISOString() ?? "" },
    ...{ knownAt: new Date().toISOString(), looked: 9, total: 10, unseen: [] },
    doubtedBy: undefined,
  };
  const reverted = await host.carryOut(revertVm({ of: async () => [known] }), { vm: "web" });
  assert.match(reverted.steps[0] ?? "", /^The last state known clean is clean of/);
  assert.equal((await find("web")).state, "shutoff");
  const other = await host.plan(restoreVm, call);
  await host.carryOut(deleteSnapshot, { vm: "web", parameters: { name: "running" } });
  const seen = await restoreVm.look({ host: host.agent, plan: other, executed: false }, never);
  assert.equal(seen.kind, "unknown");
  assert.match(
    await host.refusal(restoreVm, call),
    /its snapshots are clean, expected one named running/,
  );
});

test("snapshotVm: keeps a running VM with its memory in files, and a clone can be made of that", async () => {
  const { uuid } = await find("web");
  await host.libvirt.start(uuid);
  const parameters = { name: "files", kind: "external" };
  const plan = await host.carryOut(snapshotVm, { vm: "web", parameters });
  assert.ok(plan.downtime && plan.diskBytes >= 32 * MiB);
  await host.carryOut(cloneVm, {
    vm: "web",
    parameters: { name: "leaf", linked: true, snapshot: "files" },
  });
  await host.carryOut(deleteVm, { vm: "leaf", parameters: { disks: "delete" } });
  await host.carryOut(cloneVm, { vm: "web", parameters: { name: "live" } });
  await host.libvirt.destroy(uuid);
  await host.carryOut(deleteVm, { vm: "live", parameters: { disks: "delete" } });
});

test("snapshotVm: killed with a file of memory and no snapshot, the file is taken back", async () => {
  const plan = await host.plan(snapshotVm, {
    vm: "web",
    parameters: { name: "never", kind: "external" },
  });
  const before = await host.files();
  const [overlay] = Object.values(Object(plan.details["overlays"]));
  await host.image(String(overlay).split("/").at(-1) ?? "");
  const { outcome } = await host.settle(snapshotVm, plan);
  assert.equal(outcome, "undone");
  assert.deepEqual(await host.files(), before);
});

test("deleteVm: refuses a running VM, keeps disks unless told, and removes what snapshots made", async () => {
  const { uuid } = await find("web");
  await host.libvirt.start(uuid);
  assert.match(await host.refusal(deleteVm, { vm: "web" }), /it is running, expected shutoff/);
  await host.libvirt.destroy(uuid);
  const plan = await host.carryOut(deleteVm, { vm: "web", parameters: { disks: "delete" } });
  assert.match(
    plan.irreversible.join(" "),
    /All data on its disks is lost\. No snapshot of it can be restored/,
  );
  assert.deepEqual(await host.files(), []);
  const kept = await host.image("kept.qcow2");
  const tpm = `<tpm model="tpm-crb"><backend type="emulator" version="2.0"/></tpm>`;
  await host.vm("keeper", asDisk(kept) + tpm);
  const call = { vm: "keeper", parameters: { tpm: "keep" } };
  assert.match((await host.plan(deleteVm, call)).steps.join(" "), /Keep the state of its TPM/);
  const last = await host.carryOut(deleteVm, { vm: "keeper" });
  assert.match(
    last.irreversible.join(" "),
    /Whatever is sealed to its TPM cannot be opened any more/,
  );
  assert.deepEqual(await host.files(), ["kept.qcow2"]);
});
