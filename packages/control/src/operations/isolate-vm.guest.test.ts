import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { attachHost, type HostEvent, isolatedLabel, isolationFailed } from "@casemate/agent";
import { findQemuProcess } from "@casemate/host";
import type { SystemGuest } from "@casemate/lab";
import {
  far,
  guest,
  guest6,
  NetworkedGuest,
  router,
  router6,
} from "../../test/networked-guest.fixture.ts";
import type { TestHost } from "../../test/test-host.fixture.ts";
import { attachNic } from "./attach-nic.ts";
import { cloneVm } from "./clone-vm.ts";
import { isolateVm } from "./isolate-vm.ts";
import { labelVm } from "./label-vm.ts";
import { releaseVm } from "./release-vm.ts";
import { restoreVm } from "./restore-vm.ts";
import { snapshotVm } from "./snapshot-vm.ts";
import { startVm } from "./start-vm.ts";

const run = promisify(execFile);
const signal = AbortSignal.timeout(300_000);
const never = new AbortController().signal;

let networked: NetworkedGuest;
let host: TestHost;
let uuid: string;
let lab: SystemGuest;

before(async () => {
  networked = await NetworkedGuest.start(signal);
  ({ host, lab } = networked);
  ({ uuid } = lab);
});
after(async () => await networked?.[Symbol.asyncDispose]());

const inNetwork = (...command: readonly string[]) => networked.inNetwork(...command);
const reaches = (address: string, port: number) => networked.reaches(address, port);

/** Whether a packet of the guest's comes back. */
async function guestReaches(address: string): Promise<boolean> {
  const command = `busybox ping -c 2 -W 2 ${address} >/dev/null 2>&1 && echo yes || echo no`;
  return (await lab.run(command, signal)).trim() === "yes";
}

/** Whether a connection comes about that the guest opens from this port of its own. */
async function guestConnects(port: number): Promise<boolean> {
  const listening = `
    const server = require("node:net").createServer(() => say("somebody"));
    const say = (words) => { console.log(words); process.exit(); };
    server.listen(9000);
    setTimeout(() => say("nobody"), 10_000);`;
  const listener = inNetwork(process.execPath, "-e", listening);
  const knock = `busybox nc -w 1 -p ${port} ${far} 9000 </dev/null 2>/dev/null`;
  await lab.run(`for i in 1 2 3 4; do ${knock} && break; sleep 1; done`, signal);
  return (await listener).trim() === "somebody";
}

const isolation = async () => await host.agent.hypervisor.network.isolation(uuid);

async function untilIsolated(): Promise<void> {
  while ((await isolation()).interfaces[0]?.isolated !== true) {
    signal.throwIfAborted();
    await sleep(20);
  }
}

test("isolateVm: no packet comes or goes at the VM's tap, and all do after releaseVm", async () => {
  assert.deepEqual([await guestReaches(router), await reaches(guest, 80)], [true, true]);
  assert.match(await host.refusal(releaseVm, { vm: "web01" }), /nothing isolates it/);
  const plan = await host.carryOut(isolateVm, { vm: "web01" });
  assert.match(plan.steps.join(" "), /^Drop every packet from and to web01 at vnet\d+ \(52:54/);
  for (const address of [router, router6]) assert.equal(await guestReaches(address), false);
  for (const address of [guest, guest6]) assert.equal(await reaches(address, 80), false);
  const { interfaces, dropped, keep } = await isolation();
  assert.deepEqual(
    interfaces.map(({ isolated }) => isolated),
    [true],
  );
  assert.ok(dropped > 0);
  assert.equal(keep, undefined);
  await host.carryOut(releaseVm, { vm: "web01" });
  assert.deepEqual([await guestReaches(router), await reaches(guest, 80)], [true, true]);
  assert.equal((await isolation()).rules, false);
});

test("isolateVm: those it keeps open connections to one port, and the guest none", async () => {
  await host.carryOut(isolateVm, { vm: "web01", parameters: { keep: `${router}:22` } });
  // As after minutes: how to find each other must pass too.
  await inNetwork("ip", "neigh", "flush", "all");
  assert.deepEqual([await reaches(guest, 22), await reaches(guest, 80)], [true, false]);
  assert.deepEqual([await guestReaches(router), await reaches(guest6, 22)], [false, false]);

  const six = { keep: `[${router6}/64]:80` };
  await host.carryOut(isolateVm, { vm: "web01", parameters: six });
  await inNetwork("ip", "neigh", "flush", "all");
  assert.deepEqual([await reaches(guest6, 80), await reaches(guest, 22)], [true, false]);
  assert.deepEqual((await isolation()).keep, { keep: `[${router6}/64]:80`, via: undefined });

  const unused = { keep: "198.51.100.0/24:4444", via: router };
  await host.carryOut(isolateVm, { vm: "web01", parameters: unused });
  assert.deepEqual((await isolation()).keep, unused);
  // An answer of the port's, by its looks; but it opens a connection.
  assert.equal(await guestConnects(4444), false);
  await host.carryOut(releaseVm, { vm: "web01" });
  assert.equal(await guestConnects(4444), true);
});

test("isolateVm: what cannot be isolated, or kept open, is refused in words", async () => {
  const refuse = async (parameters: { keep?: string; via?: string }) =>
    await host.plan(isolateVm, { vm: "web01", parameters });
  await assert.rejects(refuse({ keep: "anybody:22" }), { code: "usage" });
  await assert.rejects(refuse({ via: router }), { code: "operation/refused" });
  await host.vm("alone");
  assert.match(await host.refusal(isolateVm, { vm: "alone" }), /it is shutoff, expected running/);
  const nic = `<interface type="user"><mac address="52:54:00:00:00:22"/></interface>`;
  const other = await host.vm("user", nic);
  await host.libvirt.start(other);
  await assert.rejects(host.plan(isolateVm, { vm: "user" }), {
    code: "device/unknown",
    message: /interface 52:54:00:00:00:22 is of type user and has no tap device/,
  });
});

test("isolateVm: a VM that is started again is isolated again, whoever starts it", async () => {
  await host.carryOut(isolateVm, { vm: "web01", parameters: { keep: `${router}:22` } });
  const nic = { network: "lab", scope: "live" };
  assert.match(await host.refusal(attachNic, { vm: "web01", parameters: nic }), /it is isolated/);
  const [before] = (await isolation()).interfaces;
  await host.libvirt.destroy(uuid);
  await host.carryOut(startVm, { vm: "web01" });
  const { state, labels } = await host.agent.hypervisor.domains.find(uuid);
  assert.deepEqual([state, labels], ["running", [isolatedLabel]]);
  const again = await isolation();
  assert.deepEqual([again.interfaces[0]?.isolated, again.keep], [true, undefined]);
  assert.notEqual(again.interfaces[0]?.tap, before?.tap);

  await host.libvirt.destroy(uuid);
  await host.libvirt.start(uuid); // not through Casemate, which sees it
  await untilIsolated();

  await inNetwork("nft", "delete", "table", "netdev", "casemate"); // as if it had started meanwhile
  assert.deepEqual((await isolation()).interfaces[0]?.isolated, false);
  await using _again = await attachHost({ uri: host.daemon.uri });
  await untilIsolated();
  const plan = await host.carryOut(releaseVm, { vm: "web01" });
  assert.deepEqual(await host.settle(releaseVm, plan), { outcome: "done" });
  assert.deepEqual((await host.agent.hypervisor.domains.find(uuid)).labels, []);
});

test("isolateVm: a state from before is isolated as the VM is, and so are clones", async () => {
  const { domains, network } = host.agent.hypervisor;
  const small = await host.vm(
    "small",
    `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
       <source file="${await host.image("small.qcow2")}"/><target dev="vda" bus="virtio"/></disk>
     <interface type="network"><source network="lab"/></interface>`,
  );
  const verifyIsolated = async (of: string) => {
    const { state, labels } = await domains.find(of);
    assert.deepEqual([state, labels], ["running", [isolatedLabel]]);
    const { interfaces } = await network.isolation(of);
    assert.deepEqual(
      interfaces.map(({ isolated }) => isolated),
      [true],
    );
  };
  await host.libvirt.start(small);
  await host.carryOut(isolateVm, { vm: "small" });
  const first = /isolated from its first start on, as small is/;
  const leaf = { name: "leaf", linked: true };
  const linked = await host.plan(cloneVm, { vm: "small", parameters: leaf });
  assert.match(linked.steps.join(" "), first);
  await host.carryOut(releaseVm, { vm: "small" });
  await host.carryOut(snapshotVm, { vm: "small", parameters: { name: "before" } });
  await host.carryOut(isolateVm, { vm: "small" });
  const taken = { remove: [isolatedLabel] };
  assert.match(
    await host.refusal(labelVm, { vm: "small", parameters: taken }),
    /casemate:isolated says whether it is isolated/,
  );
  const before = { vm: "small", parameters: { snapshot: "before" } };
  const back = await host.carryOut(restoreVm, before);
  assert.match(back.steps.join(" "), /It stays isolated/);
  await verifyIsolated(small);

  await host.libvirt.destroy(small);
  for (const [name, more] of [
    ["present", {}],
    ["then", { snapshot: "before" }],
  ] as const) {
    const plan = await host.carryOut(cloneVm, { vm: "small", parameters: { name, ...more } });
    assert.match(plan.steps.join(" "), first);
    await host.carryOut(startVm, { vm: name });
    await verifyIsolated(String(plan.details["uuid"]));
    await host.libvirt.destroy(String(plan.details["uuid"]));
  }
});

test("isolateVm: who starts past Casemate what cannot be isolated is told of", async () => {
  const nic = `<interface type="user"><mac address="52:54:00:00:00:23"/></interface>`;
  const stray = await host.vm("stray", nic);
  await host.agent.hypervisor.domains.setLabels(stray, [isolatedLabel]);
  const { promise: told, resolve } = Promise.withResolvers<HostEvent>();
  using _listening = host.agent.subscribe((event) => {
    if (event.what === isolationFailed) resolve(event);
  });
  await host.libvirt.start(stray);
  const { vm, detail } = await told;
  assert.equal(vm?.name, "stray");
  assert.match(detail ?? "", /has no tap device/);
  const failed = await host.agent.hypervisor.network.renewAll();
  assert.deepEqual(
    failed.map(({ name }) => name),
    ["stray"],
  );
});

test("isolateVm: rules of a run that ended hold nothing of another VM that has the device's name by now", async () => {
  const nic = `<interface type="network"><source network="lab"/><target dev="lab-tap"/></interface>`;
  const [first, second] = [await host.vm("first", nic), await host.vm("second", nic)];
  await host.libvirt.start(first);
  const plan = await host.carryOut(isolateVm, { vm: "first" });
  await host.libvirt.destroy(first);
  await host.libvirt.start(second);
  const { network } = host.agent.hypervisor;
  const { interfaces, rules } = await network.isolation(second);
  assert.deepEqual([interfaces[0]?.tap, interfaces[0]?.isolated, rules], ["lab-tap", false, false]);
  const table = ["nft", "list", "table", "netdev", "casemate"];
  const { stdout } = await run("nsenter", ["--net", "-t", `${findQemuProcess(second)}`, ...table]);
  // Where the kernel has hooked them to the new device, they let pass whatever is not the old one's.
  for (const [, device] of stdout.matchAll(/[io]if != (\S+) accept/g))
    assert.match(device ?? "", /^\d+$/);
  assert.deepEqual(await isolateVm.look({ host: host.agent, plan, executed: false }, never), {
    kind: "undone",
  });
});
