import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { milliseconds } from "@casemate/core";
import { parseKernelImage } from "@casemate/formats/kernel-image";
import { LibvirtConnection } from "@casemate/host";
import { openDiskFiles } from "@casemate/host/open-disk-files";
import {
  ensureImage,
  GuestConsole,
  type LabImage,
  labCacheDir,
  PrivateLibvirt,
} from "@casemate/lab";
import {
  packageUseFinder,
  type RunningRows,
  runningSections,
  type SystemScan,
  scanSystem,
} from "@casemate/scan";
import { attachHost } from "./local-host.ts";
import { readRunningMemory } from "./running-memory.ts";

const signal = AbortSignal.timeout(300_000);
const stack = new AsyncDisposableStack();
const scratch = mkdtempSync(join(tmpdir(), "casemate-running-"));
const overlay = join(scratch, "db01.qcow2");
let image: LabImage;
let shell: GuestConsole;
let scan: SystemScan<RunningRows>;
let guest: GuestTruth;

/** Replaced, as dpkg does it, while redis-server has it mapped. */
const REPLACED = "/usr/lib/x86_64-linux-gnu/liblzf.so.1.5";
/** Gone for a newer one, while sshd has it mapped. */
const REMOVED = "/usr/lib/x86_64-linux-gnu/libwrap.so.0.7.6";

/** A process in another root directory, whose file has a path that the system has too. */
const CONTAINER = `
  unshare --mount sh -c 'mount -t tmpfs none /mnt && mkdir -p /mnt/usr/bin &&
    cp /usr/bin/busybox /mnt/usr/bin && exec chroot /mnt /usr/bin/busybox sleep 4711' &
  echo $! >/run/container.pid
  unshare --mount sleep 4712 & echo $! >/run/service.pid
  until pgrep -f '^sleep 4712' && pgrep -f '^/usr/bin/busybox sleep 4711'; do sleep 0.2; done`;

before(async () => {
  image = await ensureImage({ cacheDir: labCacheDir }, signal);
  chmodSync(scratch, 0o711);
  const made = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.disk, overlay];
  execFileSync("qemu-img", made);
  chmodSync(overlay, 0o666);
  const options = { accelerator: "tcg", cacheDir: labCacheDir } as const;
  const { uri, directory } = stack.use(await PrivateLibvirt.start(options, signal));
  const console = join(directory, "db01.console");
  const libvirt = stack.use(await LibvirtConnection.open(uri));
  const { uuid } = await libvirt.createDomain(domainXml(console));
  shell = stack.use(await GuestConsole.open(console, signal));
  await shell.waitUntilReady(signal);
  await shell.output("until [ -e /run/lab-ready ]; do sleep 0.2; done; nginx", signal);
  await shell.output("until ss -Hltn | grep -q :6379; do sleep 0.2; done", signal);
  await shell.output(`cp -p ${REPLACED} /root/new && mv /root/new ${REPLACED}`, signal);
  await shell.output(CONTAINER, signal);
  await shell.output(`cp -p ${REMOVED} ${REMOVED}.1 && rm ${REMOVED} && sync`, signal);
  await using host = await attachHost({ uri });
  const memory = await readRunningMemory(host, uuid, { budget: milliseconds(20_000) }, signal);
  for (const { rows, gaps } of Object.values(memory)) {
    assert.deepEqual(gaps, []);
    assert.ok(rows.length > 0);
  }
  guest = await askGuest();
  using opened = await openDiskFiles([overlay, image.disk]);
  const disks = [{ name: "vda", reader: opened.disk }];
  scan = scanSystem(disks, runningSections(memory), { budget: milliseconds(60_000) });
});

after(async () => {
  await stack.disposeAsync();
  rmSync(scratch, { recursive: true, force: true });
});

function domainXml(console: string): string {
  return `
    <domain type="qemu">
      <name>db01</name>
      <memory unit="MiB">384</memory>
      <memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>
      <os>
        <type arch="x86_64" machine="q35">hvm</type>
        <kernel>${image.kernel.vmlinuz}</kernel>
        <initrd>${image.initramfs}</initrd>
        <cmdline>quiet cryptomgr.notests root=/dev/vda casemate.hostname=db01 casemate.role=db</cmdline>
      </os>
      <features><acpi/><apic/></features>
      <cpu mode="maximum"><feature policy="disable" name="cx16"/></cpu>
      <devices>
        <disk type="file" device="disk">
          <driver name="qemu" type="qcow2"/>
          <source file="${overlay}"/>
          <target dev="vda" bus="virtio"/>
        </disk>
        <serial type="null"><target type="isa-serial" port="0"/></serial>
        <serial type="unix">
          <source mode="bind" path="${console}"/>
          <target type="isa-serial" port="1"/>
        </serial>
        <controller type="usb" model="none"/>
      </devices>
    </domain>`;
}

/** What the guest says of itself. */
interface GuestTruth {
  /** The processes that map files of a package, by its name. */
  readonly mapping: ReadonlyMap<string, readonly number[]>;
  /** `PID PATH` of what is mapped as code and deleted. */
  readonly deleted: readonly string[];
  /** `PID PROTOCOL ADDRESS:PORT` of listening sockets. */
  readonly listening: readonly string[];
}

async function askGuest(): Promise<GuestTruth> {
  const lists = await shell.output("cd /var/lib/dpkg/info && grep / *.list", signal);
  const packages = new Map<string, Set<string>>();
  for (const line of lists.split("\n")) {
    const [, name = "", path = ""] = /^([^:/]+)(?::amd64)?\.list:(\/.*)$/.exec(line) ?? [];
    const merged = path.replace(/^\/(bin|sbin|lib|lib64)\//, "/usr/$1/");
    packages.set(merged, (packages.get(merged) ?? new Set()).add(name));
  }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the guest's shell fills it in
  const read = 'for p in /proc/[0-9]*; do sed "s|^|${p#/proc/} |" $p/maps 2>/dev/null; done';
  const maps = (await shell.output(read, signal)).split("\n").map(parseMapping);
  const root = maps.find(({ pid, path }) => pid === "1" && path === "/usr/bin/busybox")?.device;
  const mapping = new Map<string, Set<number>>();
  const deleted = new Set<string>();
  for (const { pid, permissions, device, path, gone } of maps) {
    for (const name of device === root ? (packages.get(path) ?? []) : []) {
      mapping.set(name, (mapping.get(name) ?? new Set()).add(Number(pid)));
    }
    if (gone && permissions.includes("x")) deleted.add(`${pid} ${path}`);
  }
  // Without what ran only to read it.
  const alive = new Set((await shell.output("ls /proc", signal)).split(/\s+/));
  const sockets = await shell.output("ss -Hltunp", signal);
  return {
    mapping: new Map(
      [...mapping].map(([name, pids]) => [
        name,
        [...pids].filter((pid) => alive.has(`${pid}`)).toSorted((a, b) => a - b),
      ]),
    ),
    deleted: [...deleted].toSorted(),
    listening: sockets.split("\n").flatMap(parseSocket).toSorted(),
  };
}

/** A line of /proc/PID/maps after its pid; without a path where it is of no file. */
function parseMapping(line: string) {
  const [, pid = "", permissions = "", device = "", path = "", gone] =
    /^(\d+) \S+ (\S+) \S+ (\S+) \d+ +(\/.*?)( \(deleted\))?$/.exec(line) ?? [];
  return { pid, permissions, device, path, gone: gone !== undefined };
}

/** A line of `ss -Hltunp`: protocol, state, queues, local, remote, `users:(("sshd",pid=7,fd=3))`. */
function parseSocket(line: string): readonly string[] {
  const [protocol, , , , local = ""] = line.split(/\s+/);
  const [, address = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(local) ?? [];
  const any = address === "*" ? "::" : address;
  return [...line.matchAll(/pid=(\d+)/g)].map(([, pid]) => `${pid} ${protocol} ${any} ${port}`);
}

test("runningSections: each package is mapped by the processes that the guest says", () => {
  const { packageUses = [] } = scan.found;
  const seen = packageUses.flatMap((use) =>
    use.state === "mapped"
      ? [[use.package, use.processes.map(({ pid }) => pid).toSorted((a, b) => a - b)] as const]
      : [],
  );
  // What sshd maps of libwrap0 is at its path no more, so that the guest's own lists do not tell.
  const known = (of: Iterable<readonly [string, readonly number[]]>) =>
    Object.fromEntries([...of].filter(([name, pids]) => name !== "libwrap0" && pids.length > 0));
  assert.deepEqual(known(seen), known(guest.mapping));
  assert.ok(packageUses.some(({ state }) => state === "not-loaded"));
});

test("runningSections: a finding of a library is told with the server that listens", () => {
  const find = packageUseFinder(scan.found.packageUses ?? []);
  const listening: string[] = [];
  for (const name of ["liblzf1", "nginx", "openssh-server", "libwrap0"]) {
    const use = find({ type: "deb", package: name });
    assert.equal(use.state, "mapped", name);
    if (use.state !== "mapped") continue;
    for (const { pid, listening: ends = [] } of use.processes) {
      for (const { protocol, address, port } of ends) {
        listening.push(`${pid} ${protocol} ${address} ${port}`);
      }
    }
  }
  assert.deepEqual([...new Set(listening)].toSorted(), guest.listening);
});

test("runningSections: processes that still run what was replaced or removed", () => {
  const { outdatedPrograms = [] } = scan.found;
  const said = outdatedPrograms.map(({ pid, path }) => `${pid} ${path}`);
  assert.deepEqual(said.toSorted(), guest.deleted);
  const found = outdatedPrograms.map(({ name, path, now, package: of }) => ({
    name,
    path,
    now,
    of,
  }));
  const [redis] = found.filter(({ path }) => path === REPLACED);
  assert.deepEqual(redis, { name: "redis-server", path: REPLACED, now: "replaced", of: "liblzf1" });
  const [sshd] = found.filter(({ path }) => path === REMOVED);
  assert.deepEqual(sshd, { name: "sshd", path: REMOVED, now: "removed", of: "libwrap0" });
});

test("runningSections: a container's file of the same path is not the system's, a service's is", async () => {
  const pidOf = async (name: string) => Number(await shell.output(`cat /run/${name}.pid`, signal));
  const find = packageUseFinder(scan.found.packageUses ?? []);
  const processesOf = (name: string) => {
    const use = find({ type: "deb", package: name });
    return use.state === "mapped" ? use.processes : [];
  };
  const contained = await pidOf("container");
  assert.ok(processesOf("busybox-static").every(({ pid }) => pid !== contained));
  const service = await pidOf("service");
  const sleep = processesOf("coreutils").find(({ pid }) => pid === service);
  const namespace = await shell.output(`stat -Lc %i /proc/${service}/ns/mnt`, signal);
  assert.equal(sleep?.mountNamespace, Number(namespace));
});

test("runningSections: the kernel that runs is the one of the disk", async () => {
  const [kernel] = scan.found.kernelStates ?? [];
  const release = (await shell.output("uname -r", signal)).trim();
  assert.deepEqual(
    [kernel?.release, kernel?.image, kernel?.imageBy, kernel?.reboot],
    [release, `/boot/vmlinuz-${release}`, "build", "not-needed"],
  );
  // What tells an image without a build in its header.
  const { notes } = parseKernelImage(readFileSync(image.kernel.vmlinuz));
  assert.ok(notes.bytes.includes(Buffer.from(kernel?.buildId ?? "-", "hex")));
});
