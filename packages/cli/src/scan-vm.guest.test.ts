import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LibvirtConnection } from "@casemate/host";
import { ensureImage, GuestConsole, labCacheDir, PrivateLibvirt } from "@casemate/lab";

const casemate = resolve(import.meta.dirname, "../../../casemate");
const stack = new AsyncDisposableStack();
let scratch: string;
let data: string;
let libvirt: LibvirtConnection;
let guest: GuestConsole;
let uuid: string;

// biome-ignore lint/suspicious/noExplicitAny: documents are walked into as they are
type Json = any;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly document: Json;
}

/** A command of the person who runs the control plane. */
async function run(...words: readonly string[]): Promise<Ended> {
  const child = spawn(casemate, [...words, "--data", data], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const [code] = await once(child, "close");
  const document = stdout.startsWith("{") ? JSON.parse(stdout) : {};
  return { code: Number(code), stdout, stderr, document };
}

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-scan-vm-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o711);
  data = join(scratch, "data");
  const image = await ensureImage({ cacheDir: labCacheDir });
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  libvirt = stack.use(await LibvirtConnection.open(daemon.uri));
  const pool = join(scratch, "pool");
  await mkdir(pool);
  const owner = await stat("/var/lib/libvirt/qemu").catch(() => stat("/"));
  await libvirt.defineStoragePool(
    `<pool type="dir"><name>default</name><target><path>${pool}</path></target></pool>`,
  );
  const disk = join(pool, "web01.qcow2");
  const backing = ["-b", image.disk, "-F", "qcow2"];
  const made = spawn("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, disk]);
  await once(made, "close");
  await chown(pool, owner.uid, owner.gid);
  await chown(disk, owner.uid, owner.gid);
  const consoleSocket = join(daemon.directory, "web01.console");
  ({ uuid } = await libvirt.defineDomain(`
    <domain type="qemu"><name>web01</name><memory unit="MiB">384</memory>
      <os><type arch="x86_64" machine="q35">hvm</type>
        <kernel>${image.kernel.vmlinuz}</kernel><initrd>${image.initramfs}</initrd>
        <cmdline>console=ttyS0 quiet cryptomgr.notests root=/dev/vda casemate.hostname=web01 casemate.role=build</cmdline>
      </os>
      <features><acpi/><apic/></features>
      <cpu mode="maximum"><feature name="cx16" policy="disable"/></cpu>
      <devices>
        <disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
          <source file="${disk}"/><target dev="vda" bus="virtio"/></disk>
        <serial type="null"><target port="0"/></serial>
        <serial type="unix"><source mode="bind" path="${consoleSocket}"/><target port="1"/></serial>
        <rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
      </devices>
    </domain>`));
  await libvirt.start(uuid);
  await startControlPlane(daemon.uri);
  guest = stack.use(await GuestConsole.open(consoleSocket));
  await guest.waitUntilReady();
});
after(() => stack.disposeAsync());

async function startControlPlane(uri: string): Promise<void> {
  const listen = ["--listen", "127.0.0.1:0"];
  const up: ChildProcess = spawn(casemate, ["up", "--connect", uri, "--data", data, ...listen], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stack.defer(async () => {
    if (up.exitCode !== null) return;
    up.kill("SIGTERM");
    await once(up, "close");
  });
  let printed = "";
  up.stdout?.on("data", (chunk) => {
    printed += String(chunk);
  });
  while (!printed.includes("Ctrl-C")) {
    assert.equal(up.exitCode, null, printed);
    await sleep(50);
  }
}

/** A feed that says of the guest's own tzdata that all before `fixed` has a hole. */
const feed = (name: string, fixed: string) =>
  JSON.stringify({
    schema_version: "1.6.0",
    id: "TEST-2024-1",
    aliases: ["CVE-2024-99001"],
    modified: "2024-03-02T00:00:00Z",
    published: "2024-03-01T00:00:00Z",
    affected: [
      {
        package: { ecosystem: "Debian:12", name },
        ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed }] }],
      },
    ],
  });

test("casemate scan VM: what the guest's own tools say, of its snapshots too, and which updates are missing", async () => {
  const old = "0.0.1-1";
  const current = (await guest.output(`dpkg-query -W -f '\${Version}' gzip`)).trim();
  const snapshot = await run("vm", "snapshot", "web01", "before");
  assert.equal(snapshot.code, 0, snapshot.stdout + snapshot.stderr);
  // Somebody brings back an old package, and adds a user.
  await guest.output(
    `sed -i '/^Package: gzip$/,/^$/s/^Version: .*/Version: ${old}/' /var/lib/dpkg/status`,
  );
  await guest.output("echo 'eve:x:4711:4711::/home/eve:/bin/sh' >> /etc/passwd; sync");

  const only = ["--only", "packages", "users"];
  const scanned = await run("scan", "web01", ...only, "--format", "json");
  assert.equal(scanned.stderr, "");
  assert.equal(scanned.code, 0);
  const { found, state, os } = scanned.document;
  assert.equal(state.kind, "running");
  assert.equal(state.consistency, "consistent");
  assert.equal(os.id, "debian");
  const packages = await guest.output(
    `dpkg-query -W -f '\${Package} \${Version} \${Architecture}\\n'`,
  );
  const debs = found.packages.filter(({ type }: { type: string }) => type === "deb");
  assert.deepEqual(
    debs
      .map((each: Record<string, string>) => `${each.name} ${each.version} ${each.architecture}`)
      .sort(),
    packages.trim().split(/\r?\n/).sort(),
  );
  assert.ok(packages.includes(`gzip ${old} `));
  const users = (await guest.output("getent passwd")).trim().split(/\r?\n/);
  assert.deepEqual(
    found.users
      .map(({ name, uid, gid, home, shell }: Record<string, string>) =>
        [name, uid, gid, home, shell].join(":"),
      )
      .sort(),
    users
      .map((line) => line.split(":"))
      .map(([name, , uid, gid, , home, shell]) => [name, uid, gid, home, shell].join(":"))
      .sort(),
  );

  const all = await run("scan", "web01", "--all-states", "--only", "packages", "--json");
  assert.equal(all.stderr, "");
  const { items } = all.document;
  const versionOf = (scan: Json) =>
    scan.found.packages.find(({ name }: { name: string }) => name === "gzip").version;
  assert.deepEqual(
    items.map((each: Json) => [each.state.kind, versionOf(each)]),
    [
      ["running", old],
      ["snapshot", current],
    ],
  );

  const none = await run("exposed");
  assert.equal(none.code, 3);
  assert.match(none.stderr, /there are no advisories/);
  const file = join(scratch, "debian.json");
  await writeFile(file, feed("gzip", current));
  const imported = await run("advisories", "import", file);
  assert.equal(imported.code, 0, imported.stderr);
  const exposed = await run("exposed", "--cve", "CVE-2024-99001", "--json");
  assert.equal(exposed.code, 2, exposed.stderr);
  const [finding, ...others] = exposed.document.items;
  assert.deepEqual(others, []);
  assert.equal(finding.vm.name, "web01");
  assert.equal(finding.installed, old);
  assert.equal(finding.fixed, current);
  assert.equal(finding.firstState, "current");
  assert.equal(finding.firstExposedOn, state.at);
  // The same without a disk: a newer feed makes a state of the past a finding, too.
  await writeFile(file, feed("gzip", "999"));
  await run("advisories", "import", file);
  const again = await run("exposed", "--json");
  const [late] = again.document.items;
  assert.equal(late.firstState, "snapshot before");

  const facts = await run("ledger", "facts", "--json");
  const looks = facts.stdout.match(/"vm\.scan"/g) ?? [];
  assert.ok(looks.length >= 3);
  assert.equal(await libvirt.backupXml(uuid), undefined);
});

test("casemate scan VM --running: the installed kernel runs, and the server that listens is of its package", async () => {
  const release = (await guest.output("uname -r")).trim();
  const pid = Number(await guest.output("pgrep -o -x sshd"));
  const scanned = await run("scan", "web01", "--running", "--only", "packages", "--json");
  assert.equal(scanned.stderr, "");
  assert.equal(scanned.code, 0);
  const { state, found } = scanned.document;
  const { kernelStates, outdatedPrograms, packageUses } = found;
  const [kernel, ...others] = kernelStates;
  assert.deepEqual(others, []);
  assert.deepEqual([kernel.release, kernel.reboot], [release, "not-needed"]);
  assert.deepEqual(outdatedPrograms, []);
  const server = packageUses.find((each: Json) => each.package === "openssh-server");
  assert.equal(server.state, "mapped");
  const [process] = server.processes;
  assert.equal(process.pid, pid);
  assert.ok(process.listening.some(({ port }: Json) => port === 22));

  // The hole is in what listens: that is stored with the state, and told with the finding.
  const file = join(scratch, "openssh.json");
  await writeFile(file, feed("openssh", "9:0"));
  await run("advisories", "import", file);
  const exposed = await run("exposed", "--json");
  const { items } = exposed.document;
  const finding = items.find((each: Json) => each.package === "openssh-server");
  assert.deepEqual(finding.use, { level: "listening", at: state.at });

  const table = await run("scan", "web01", "--running", "--only", "kernels");
  assert.match(
    table.stdout,
    /\nthe kernel that runs: 1\n.*\n.* not-needed .*\n\npackages in memory: \d+ of/s,
  );
  const past = await run("scan", "web01", "--running", "--snapshot", "before");
  assert.equal(past.code, 64);
  assert.match(past.stderr, /snapshots are of the past/);
  await libvirt.destroy(uuid);
  const off = await run("scan", "web01", "--running");
  assert.notEqual(off.code, 0);
  assert.match(off.stderr, /Cannot hold the disks of web01 against its memory: it is shutoff/);
});
