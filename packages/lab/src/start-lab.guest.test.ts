import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findQemuProcess, LibvirtConnection } from "@casemate/host";
import { readMembers, readNamespaces } from "../test/namespace-members.ts";
import { GuestConsole } from "./guest-console.ts";
import { labCacheDir } from "./lab-cache-dir.ts";
import { runCommand } from "./run-command.ts";
import { type Lab, type LabGuest, startLab } from "./start-lab.ts";

const signal = AbortSignal.timeout(300_000);

/** What the machine's own libvirt would notice. */
async function readMachine(): Promise<string[]> {
  const places = ["/etc", "/run", "/var/lib", "/var/log", "/var/cache"].map(
    (in_) => `${in_}/libvirt`,
  );
  const names = await Promise.all(
    places.map((place) => readdir(place, { recursive: true }).catch(() => ["not there"])),
  );
  const links = await runCommand("ip", ["-oneline", "link"]);
  return [...names.flat().sort(), ...links.split("\n").map((link) => link.split(":")[1] ?? "")];
}

let dataDir: string;
let lab: Lab;
let machineBefore: string[];

before(async () => {
  dataDir = await mkdtemp("/var/tmp/casemate-lab-");
  await runCommand("chmod", ["711", dataDir]);
  machineBefore = await readMachine();
  lab = await startLab({ dataDir, cacheDir: labCacheDir, accelerator: "tcg" }, signal);
});
after(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

function guest(name: string): LabGuest {
  const found = lab.guests.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

async function inGuest(name: string, command: string): Promise<string> {
  await using shell = await GuestConsole.open(guest(name).consoleSocket, signal);
  return await shell.output(command, signal);
}

test("startLab: three VMs run, each with a QEMU of an ordinary user", async () => {
  await using connection = await LibvirtConnection.open(lab.connectUri);
  const domains = await connection.listDomains();
  assert.deepEqual(domains.map(({ name, state }) => [name, state]).sort(), [
    ["build01", "running"],
    ["db01", "running"],
    ["web01", "running"],
  ]);
  for (const { uuid, memoryMiB } of lab.guests) {
    const status = await runCommand("cat", [`/proc/${findQemuProcess(uuid)}/status`]);
    assert.doesNotMatch(status, /^Uid:\t0\b/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.equal(domains.find((domain) => domain.uuid === uuid)?.memory, memoryMiB * 1024 ** 2);
  }
});

test("startLab: the machine's own libvirt and network are not touched", async () => {
  assert.deepEqual(await readMachine(), machineBefore);
});

test("startLab: the guests come up with their roles, users and addresses", async () => {
  for (const one of lab.guests) await lab.waitUntilReady(one, signal);

  assert.match(await inGuest("web01", "busybox wget -qO- http://127.0.0.1/"), /<title>web01</);
  assert.match(await inGuest("web01", "ss -Htln"), /:80 /);
  const sockets = await inGuest("db01", "ss -Htln; ss -Hxl");
  assert.match(sockets, /:6379 /);
  assert.match(sockets, /\/run\/redis\/redis\.sock/);
  const processes = await inGuest("build01", "ps -eo user,args");
  assert.match(processes, /^ci +\/bin\/sh \/usr\/local\/bin\/build-runner$/m);
  assert.match(processes, /^alice +tail -f \/dev\/null$/m);
  for (const { name } of lab.guests) {
    assert.equal((await inGuest(name, "hostname")).trim(), name);
    assert.match(await inGuest(name, "ss -Htln"), /:22 /);
    assert.match(await inGuest(name, "dpkg-query -W openssh-server"), /^openssh-server\t/);
  }
});

test("startLab: the guests reach each other by name, and are not copies of one another", async () => {
  const { address } = guest("web01");
  const lease = "until ip -4 -o addr show eth0 | grep -q inet; do sleep 0.2; done";
  for (const { name } of lab.guests) await inGuest(name, lease);
  assert.match(await inGuest("db01", "getent hosts web01"), new RegExp(`^${address} `));
  assert.match(await inGuest("db01", `busybox wget -qO- http://${address}/`), /<title>web01</);
  const identities: string[] = [];
  for (const { name } of lab.guests) {
    identities.push(await inGuest(name, "cat /etc/machine-id"));
    identities.push(await inGuest(name, "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub"));
  }
  assert.equal(new Set(identities).size, identities.length);
});

test("PrivateLibvirt: libvirtd is killed, starts again, and the guests run on", async () => {
  const before = lab.guests.map(({ uuid }) => findQemuProcess(uuid));
  const daemon = await lab.libvirt.daemonPid();
  assert.ok(daemon);
  process.kill(daemon, "SIGKILL");
  let domains: readonly unknown[] = [];
  while (domains.length < 3) {
    signal.throwIfAborted();
    await sleep(100);
    const connection = await LibvirtConnection.open(lab.connectUri).catch(() => undefined);
    if (connection === undefined) continue;
    await using _connection = connection;
    domains = await connection.listDomains().catch(() => []);
  }
  assert.notEqual(await lab.libvirt.daemonPid(), daemon);
  assert.deepEqual(
    lab.guests.map(({ uuid }) => findQemuProcess(uuid)),
    before,
  );
  assert.equal((await inGuest("web01", "echo still here")).trim(), "still here");
});

test("Lab: disposing leaves no process, no namespace, no mount and no file", async () => {
  const daemon = await lab.libvirt.daemonPid();
  assert.ok(daemon);
  const namespaces = await readNamespaces(daemon);
  assert.ok((await readMembers(namespaces)).includes("dnsmasq"));
  await lab[Symbol.asyncDispose]();
  assert.deepEqual(await readMembers(namespaces), []);
  assert.deepEqual(await readdir(dataDir), []);
  await assert.rejects(access(lab.libvirt.directory), { code: "ENOENT" });
  assert.ok(!(await runCommand("cat", ["/proc/self/mounts"])).includes(lab.libvirt.directory));
  assert.deepEqual(await readMachine(), machineBefore);
});

test("Lab: kill -9 of its owner leaves no process and no mount, and the next start removes its files", async () => {
  const script = path.join(import.meta.dirname, "../test/own-a-lab.ts");
  const owner = spawn(process.execPath, [script, dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
    signal,
  });
  owner.once("error", () => {}); // The signal's; what waits below sees the end.
  const [line]: unknown[] = await once(createInterface({ input: owner.stdout }), "line", {
    signal,
  });
  const { directory, daemon } = JSON.parse(String(line));
  const namespaces = await readNamespaces(daemon);
  const members = await readMembers(namespaces);
  assert.equal(members.filter((name) => name === "qemu-system-x86_64").length, 3);
  const exited = once(owner, "exit");
  owner.kill("SIGKILL");
  await exited;
  while ((await readMembers(namespaces)).length > 0) {
    signal.throwIfAborted();
    await sleep(50);
  }
  assert.ok(!(await runCommand("cat", ["/proc/self/mounts"])).includes(directory));
  assert.deepEqual(await readMachine(), machineBefore);

  // One that another test starts meanwhile may have been the next already.
  const { PrivateLibvirt } = await import("./private-libvirt.ts");
  await using _next = await PrivateLibvirt.start({ cacheDir: labCacheDir, accelerator: "tcg" });
  await assert.rejects(access(directory), { code: "ENOENT" });
});
