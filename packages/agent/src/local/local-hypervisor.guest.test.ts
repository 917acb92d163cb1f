import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytes, MiB, milliseconds } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { labCacheDir, PrivateLibvirt } from "@casemate/lab";
import type { Hypervisor } from "../hypervisor.ts";
import { attachHost } from "../local-host.ts";

const stack = new AsyncDisposableStack();
let libvirt: LibvirtConnection;
let hypervisor: Hypervisor;
let pool: string;
let poolUuid: string;
/** A disk that all guests share. */
let readonly: string;
/** QEMU's user. */
let owner: { readonly uid: number; readonly gid: number };

before(async () => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-hypervisor-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o711);
  pool = join(scratch, "pool");
  await mkdir(pool);
  owner = await stat("/var/lib/libvirt/qemu").catch(() => stat("/"));
  await chown(pool, owner.uid, owner.gid);
  readonly = join(scratch, "readonly.raw");
  await writeFile(readonly, countDisk);
  await chown(readonly, owner.uid, owner.gid);
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir, givesFiles: true }),
  );
  const { uri } = daemon;
  libvirt = stack.use(await LibvirtConnection.open(uri));
  ({ uuid: poolUuid } = await libvirt.storage.definePool(
    `<pool type="dir"><name>default</name><target><path>${pool}</path></target></pool>`,
  ));
  const host = stack.use(await attachHost({ uri, directories: [scratch] }));
  hypervisor = host.hypervisor;
});

after(async () => await stack.disposeAsync());

/**
 * A disk whose first sector counts for ever in the 32 bits at 0x500: xor eax, eax; mov ds, ax; mov
 * [0x500], eax; inc dword [0x500]; jmp. Firmware takes no disk of one sector for one.
 */
const countDisk = Buffer.alloc(64 * 1024);
countDisk.write("6631c08ed866a3000566ff060005ebf9", "hex");
countDisk.write("55aa", 510, "hex");

async function count(uuid: string): Promise<number> {
  const said = await libvirt.hmp(uuid, "xp /1wx 0x500");
  return Number(/: (0x[0-9a-f]+)/.exec(said)?.[1]);
}

/** Milliseconds that a guest may take to boot. */
const patience = 60_000;

/** Until the guest counts on from `from`. */
async function countBeyond(uuid: string, from: number): Promise<void> {
  const end = AbortSignal.timeout(patience);
  while ((await count(uuid)) <= from) await sleep(50, undefined, { signal: end });
}

async function image(name: string): Promise<string> {
  const path = join(pool, name);
  await hypervisor.images.create({ path, format: "qcow2", capacity: bytes(8 * MiB) });
  return path;
}

/** A guest that counts, from a disk of its own; it has a second one that it cannot write. */
async function define(name: string, devices = ""): Promise<string> {
  const disk = join(pool, `${name}.qcow2`);
  const { images } = hypervisor;
  await images.copy({ from: readonly, fromFormat: "raw", to: disk, toFormat: "qcow2" });
  await images.resize(disk, "qcow2", bytes(8 * MiB));
  const { uuid } = await hypervisor.domains.define(`
    <domain type="qemu">
      <name>${name}</name>
      <memory unit="MiB">32</memory>
      <vcpu current="1">2</vcpu>
      <os><type arch="x86_64" machine="pc">hvm</type></os>
      <features><acpi/></features>
      <devices>
        <disk type="file" device="disk">
          <driver name="qemu" type="qcow2"/><source file="${disk}"/>
          <target dev="hda" bus="ide"/>
        </disk>
        <disk type="file" device="disk">
          <driver name="qemu" type="raw"/><source file="${readonly}"/>
          <target dev="vda" bus="virtio"/><readonly/>
        </disk>
        ${devices}
      </devices>
    </domain>`);
  return uuid;
}

async function undefine(uuid: string): Promise<void> {
  const { domains } = hypervisor;
  if ((await domains.find(uuid)).runId !== undefined) await domains.destroy(uuid, {});
  await domains.undefine(uuid, { snapshots: "forget", managedSave: "delete" });
  for (const file of await readdir(pool)) {
    await hypervisor.storage.removeFile(join(pool, file));
  }
}

const files = async (): Promise<string[]> => (await readdir(pool)).toSorted();

test("Hypervisor.facts: tells what this libvirt can do", async () => {
  const facts = await hypervisor.facts();
  assert.equal(facts.driver, "QEMU");
  const [major = 0, minor = 0] = facts.libvirtVersion.split(".").map(Number);
  assert.equal(facts.externalSnapshotRevert, major > 9 || (major === 9 && minor >= 9));
  assert.ok(facts.internalSnapshots && facts.backup && facts.images);
});

test("LocalDomains: a VM's life, and what each state refuses", async () => {
  const { domains } = hypervisor;
  const uuid = await define("life");
  const { digest } = await domains.find("life");
  await assert.rejects(domains.suspend(uuid), { code: "vm/not-running" });
  await domains.start(uuid, { paused: true });
  assert.equal((await domains.find(uuid)).state, "paused");
  await domains.resume(uuid);
  await countBeyond(uuid, 0);
  await assert.rejects(domains.start(uuid, {}), { code: "vm/running" });
  await assert.rejects(domains.rename(uuid, "other"), { code: "vm/running" });
  await domains.suspend(uuid);
  const paused = await domains.find(uuid);
  assert.deepEqual([paused.state, paused.digest], ["paused", digest]);
  const before = await count(uuid);
  await domains.reset(uuid);
  await domains.resume(uuid);
  const end = AbortSignal.timeout(patience);
  while ((await count(uuid)) >= before) await sleep(20, undefined, { signal: end });
  await domains.shutdown(uuid);
  const limit = milliseconds(300);
  assert.equal(await domains.waitForState(uuid, ["shutoff"], limit), "running");
  await domains.destroy(uuid, { graceful: true });
  assert.equal(await domains.waitForState(uuid, ["shutoff"], limit), "shutoff");
  assert.equal((await domains.find(uuid)).digest, digest);

  await domains.rename(uuid, "lived");
  await domains.setAutostart(uuid, true);
  await domains.setVcpus(uuid, 2, { scope: "config" });
  await domains.setMemory(uuid, bytes(48 * MiB), { scope: "config", maximum: true });
  await domains.setLabels(uuid, ["prod", `"<&>`, "prod"]);
  const lived = await domains.find("lived");
  assert.deepEqual(
    [lived.uuid, lived.autostart, lived.vcpus, lived.maxMemory, lived.labels],
    [uuid, true, 2, 48 * MiB, [`"<&>`, "prod"]],
  );
  assert.notEqual(lived.digest, digest);
  await domains.setLabels(uuid, []);
  assert.deepEqual((await domains.find(uuid)).labels, []);
  await assert.rejects(domains.define("<domain/>"), { code: "definition/malformed" });
  await undefine(uuid);
  await assert.rejects(domains.find(uuid), { code: "vm/unknown" });
  assert.deepEqual(await files(), []);
});

test("LocalSnapshots: an internal one takes the memory back with the disk", async () => {
  const { domains, snapshots } = hypervisor;
  const uuid = await define("inside");
  await domains.start(uuid, {});
  await countBeyond(uuid, 0);
  await domains.suspend(uuid);
  const then = await count(uuid);
  const taken = await snapshots.create(uuid, {
    kind: "internal",
    name: "a & b",
    description: "<d>",
  });
  assert.deepEqual(taken.memory, { kind: "internal" });
  assert.deepEqual(taken.disks, [
    { kind: "internal", target: "hda" },
    { kind: "none", target: "vda" },
  ]);
  await assert.rejects(snapshots.create(uuid, { kind: "internal", name: "a & b" }), {
    code: "snapshot/exists",
  });
  await domains.resume(uuid);
  await countBeyond(uuid, then);
  await snapshots.create(uuid, { kind: "internal", name: "child" });
  await snapshots.revert(uuid, "a & b", { state: "paused" });
  assert.equal(await count(uuid), then);
  const list = await snapshots.list(uuid);
  assert.deepEqual(
    list.map(({ name, parent, current, description }) => [name, parent, current, description]),
    [
      ["a & b", undefined, true, "<d>"],
      ["child", "a & b", false, undefined],
    ],
  );
  assert.equal(list[0]?.definitionDigest, (await domains.find(uuid)).digest);
  const removal = await snapshots.planRemove(uuid, "a & b", { children: true });
  assert.deepEqual(removal, { snapshots: ["a & b", "child"], internal: true, files: [] });
  await snapshots.remove(uuid, "a & b", { children: true });
  assert.deepEqual(await snapshots.list(uuid), []);
  await assert.rejects(snapshots.revert(uuid, "child", {}), { code: "snapshot/unknown" });
  await undefine(uuid);
});

test("LocalSnapshots: an external one has files of its own, and leaves none when cancelled", async () => {
  const { domains, snapshots } = hypervisor;
  const uuid = await define("outside");
  await domains.start(uuid, {});
  const memory = join(pool, "outside.memory");
  const overlays = { hda: join(pool, "outside.overlay.qcow2") };
  const wanted = { kind: "external", name: "cut", memory, overlays } as const;
  await assert.rejects(snapshots.create(uuid, { ...wanted, memory: "/etc/casemate.memory" }), {
    code: "storage/outside",
  });
  await assert.rejects(snapshots.create(uuid, { ...wanted, memory: join(pool, "outside.qcow2") }), {
    code: "storage/exists",
  });
  const stop = new AbortController();
  const taking = snapshots.create(uuid, wanted, () => stop.abort(), stop.signal);
  // It may be done before anybody sees it.
  const done = await taking.then(
    () => true,
    (thrown) => {
      assert.equal(thrown.code, "cancelled");
      return false;
    },
  );
  if (!done) {
    assert.deepEqual(await files(), ["outside.qcow2"]);
    await snapshots.create(uuid, wanted);
  }
  assert.deepEqual(await files(), ["outside.memory", "outside.overlay.qcow2", "outside.qcow2"]);
  const [taken] = await snapshots.list(uuid);
  assert.deepEqual(taken?.memory, { kind: "external", path: memory });
  const { disks, state } = await domains.find(uuid);
  assert.equal(state, "running");
  assert.deepEqual(
    [disks[0]?.source, disks[0]?.backing[0]?.source],
    [
      { kind: "file", path: overlays.hda },
      { kind: "file", path: join(pool, "outside.qcow2") },
    ],
  );
  const { externalSnapshotRevert } = await hypervisor.facts();
  if (!externalSnapshotRevert) {
    await assert.rejects(snapshots.revert(uuid, "cut", {}), { code: "snapshot/unsupported" });
  }
  const { files: gone } = await snapshots.planRemove(uuid, "cut", {});
  assert.deepEqual(gone.toSorted(), [memory, overlays.hda]);
  await snapshots.remove(uuid, "cut", {});
  assert.deepEqual(await files(), ["outside.qcow2"]);
  await undefine(uuid);
});

test("LocalDevices: disks, media and NICs come and go, in what runs and in the definition", async () => {
  const { domains, devices } = hypervisor;
  const drive = `<controller type="usb" model="qemu-xhci"/>
    <disk type="file" device="cdrom"><target dev="sda" bus="sata"/><readonly/></disk>
    <controller type="sata" index="0"/>`;
  const uuid = await define("devices", drive);
  await domains.start(uuid, {});
  const disk = {
    kind: "disk",
    device: "disk",
    target: "sdb",
    bus: "usb",
    path: await image("more.qcow2"),
    format: "qcow2",
  } as const;
  await assert.rejects(devices.attach(uuid, { ...disk, path: "/etc/shadow" }, "both"), {
    code: "storage/outside",
  });
  await devices.attach(uuid, disk, "both");
  await assert.rejects(devices.attach(uuid, disk, "both"), { code: "device/exists" });
  assert.ok((await domains.definition(uuid, "inactive")).includes("more.qcow2"));
  await assert.rejects(hypervisor.storage.removeFile(disk.path), { code: "storage/in-use" });
  assert.equal(await devices.detach(uuid, { kind: "disk", target: "sdb" }, "both"), "detached");
  for (const which of ["live", "inactive"] as const) {
    assert.ok(!(await domains.definition(uuid, which)).includes("more.qcow2"), which);
  }
  await assert.rejects(devices.detach(uuid, { kind: "disk", target: "sdb" }, "both"), {
    code: "device/unknown",
  });

  const iso = join(pool, "medium.iso");
  await hypervisor.images.create({ path: iso, format: "raw", capacity: bytes(MiB) });
  for (const path of [iso, undefined]) {
    await devices.changeMedia(uuid, "sda", path, { scope: "both", force: true });
    const inside = (await domains.find(uuid)).disks.find(({ target }) => target === "sda");
    const expected = path === undefined ? { kind: "none" } : { kind: "file", path };
    assert.deepEqual(inside?.source, expected);
  }
  await assert.rejects(devices.changeMedia(uuid, "hda", iso, { scope: "live" }), {
    code: "device/unknown",
  });

  await libvirt.networks.create(
    `<network><name>one</name><bridge name="cmtest0"/><ip address="192.0.2.1" netmask="255.255.255.0"/></network>`,
  );
  const mac = "52:54:00:00:00:11";
  const source = { kind: "network", network: "one" } as const;
  await devices.attach(uuid, { kind: "interface", mac, source, model: "virtio" }, "both");
  await devices.updateInterface(uuid, mac, { linkUp: false }, "live");
  const [nic] = (await domains.find(uuid)).nics;
  assert.deepEqual([nic?.mac, nic?.source, nic?.linkUp], [mac, source, false]);
  await devices.detach(uuid, { kind: "interface", mac }, "config");
  assert.ok(!(await domains.definition(uuid, "inactive")).includes(mac));
  await undefine(uuid);
});

test("LocalImages.backup: a running VM's disk as it is, and nothing where it is cancelled", async () => {
  const { domains, images } = hypervisor;
  const uuid = await define("kept");
  const disk = join(pool, "kept.qcow2");
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 0x42 1M 4M", disk]);
  await domains.start(uuid, {});
  const to = join(pool, "copy.qcow2");
  await images.backup(uuid, { hda: to });
  assert.match(
    execFileSync("qemu-img", ["compare", "-U", disk, to], { encoding: "utf8" }),
    /identical/,
  );
  assert.equal((await stat(to)).uid, owner.uid);
  assert.equal((await domains.find(uuid)).state, "running");
  await assert.rejects(images.backup(uuid, { hda: to }), { code: "storage/exists" });
  await assert.rejects(images.backup(uuid, { vdx: join(pool, "x") }), { code: "device/unknown" });
  const cancelled = new AbortController();
  const other = { hda: join(pool, "other.qcow2") };
  const backup = images.backup(uuid, other, () => cancelled.abort(), cancelled.signal);
  cancelled.abort();
  await assert.rejects(backup, { code: "cancelled" });
  const request = { from: disk, fromFormat: "qcow2", to: other.hda, toFormat: "raw" } as const;
  await assert.rejects(images.copy(request), { code: "storage/in-use" });
  assert.deepEqual(await files(), ["copy.qcow2", "kept.qcow2"]);
  await undefine(uuid);
});

test("LocalStorage: volumes of a pool", async () => {
  const { storage } = hypervisor;
  const [only] = await storage.pools();
  assert.deepEqual([only?.uuid, only?.type, only?.path], [poolUuid, "dir", pool]);
  assert.deepEqual(await storage.directories(), [join(pool, ".."), pool]);
  assert.ok((await storage.freeSpace(pool)) > 0);
  const made = await storage.createVolume(poolUuid, {
    name: "v.qcow2",
    capacity: bytes(4 * MiB),
    format: "qcow2",
  });
  await assert.rejects(
    storage.createVolume(poolUuid, { name: "v.qcow2", capacity: bytes(1), format: "raw" }),
    { code: "storage/exists" },
  );
  const copy = await storage.cloneVolume(poolUuid, "w.qcow2", made.path);
  await storage.resizeVolume(copy.path, bytes(8 * MiB));
  assert.equal((await storage.findVolume(copy.path))?.capacity, 8 * MiB);
  await storage.wipeVolume(copy.path);
  assert.deepEqual((await storage.volumes(poolUuid)).map(({ name }) => name).toSorted(), [
    "v.qcow2",
    "w.qcow2",
  ]);
  for (const { path } of [made, copy]) await storage.deleteVolume(path);
  assert.equal(await storage.findVolume(made.path), undefined);
  assert.equal(await storage.stat(made.path), undefined);
  await assert.rejects(storage.deleteVolume(made.path), { code: "storage/unknown" });
  await assert.rejects(storage.volumes(poolUuid.replace(/^./, "x")), { code: "storage/unknown" });
});
