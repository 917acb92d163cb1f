import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { milliseconds } from "@casemate/core";
import { diskFrom, LibvirtConnection, LiveView } from "@casemate/host";
import { labCacheDir, PrivateLibvirt } from "@casemate/lab";
import type { HostAgent } from "../host-agent.ts";
import { attachHost } from "../local-host.ts";

const stack = new AsyncDisposableStack();
let libvirt: LibvirtConnection;
let agent: HostAgent;
let pool: string;
let web: string;
/** The system's disk before it became an image. */
let raw: string;
/** Where the disk says which version is installed. */
let versionAt: number;
const version = "1.111111";

const budget = milliseconds(120_000);
const run = (file: string, ...args: readonly string[]) => execFileSync(file, args);

before(async () => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-scans-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o711);
  pool = join(scratch, "pool");
  await mkdir(pool);
  const owner = await stat("/var/lib/libvirt/qemu").catch(() => stat("/"));
  await chown(pool, owner.uid, owner.gid);
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir, givesFiles: true }),
  );
  libvirt = stack.use(await LibvirtConnection.open(daemon.uri));
  await libvirt.storage.definePool(
    `<pool type="dir"><name>default</name><target><path>${pool}</path></target></pool>`,
  );
  agent = stack.use(await attachHost({ uri: daemon.uri }));
  raw = await makeSystem(scratch);
  versionAt = (await readFile(raw)).indexOf(version);
  assert.ok(versionAt > 0);
  run("qemu-img", "convert", "-O", "qcow2", raw, join(pool, "base.qcow2"));
  const disk = layerAbove("base.qcow2", "web.qcow2");
  ({ uuid: web } = await libvirt.defineDomain(definition("web", disk)));
  await libvirt.start(web);
});
after(() => stack.disposeAsync());

/** A file system with what dpkg says of one package. */
async function makeSystem(scratch: string): Promise<string> {
  const tree = join(scratch, "tree");
  await mkdir(join(tree, "etc"), { recursive: true });
  await mkdir(join(tree, "var/lib/dpkg"), { recursive: true });
  await writeFile(join(tree, "etc/os-release"), 'ID=debian\nVERSION_ID="12"\n');
  await writeFile(
    join(tree, "var/lib/dpkg/status"),
    `Package: tool\nStatus: install ok installed\nArchitecture: all\nVersion: ${version}\n`,
  );
  const raw = join(scratch, "raw");
  run("/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, raw, "16M");
  return raw;
}

function layerAbove(base: string, name: string): string {
  const disk = join(pool, name);
  const backing = ["-b", join(pool, base), "-F", "qcow2"];
  run("qemu-img", "create", "-q", "-f", "qcow2", ...backing, disk);
  return disk;
}

const definition = (name: string, disk: string, format = "qcow2") => `
  <domain type="qemu"><name>${name}</name><memory unit="MiB">32</memory>
    <os><type arch="x86_64" machine="q35">hvm</type></os>
    <devices><disk type="file" device="disk"><driver name="qemu" type="${format}"/>
      <source file="${disk}"/><target dev="vda" bus="virtio"/></disk></devices>
  </domain>`;

/** As its guest would: all digits of the version become `digit`. */
async function install(digit: number): Promise<void> {
  const device = "/machine/peripheral/virtio-disk0/virtio-backend";
  const write = `write -P ${48 + digit} ${versionAt + 2} ${version.length - 2}`;
  assert.equal(await libvirt.hmp(web, `qemu-io -d ${device} "${write}"`), "");
}

async function scan(snapshot?: string, uuid = web) {
  return await agent.scan(uuid, { snapshot, only: ["packages"], budget });
}

/** What is seen, as `kind version consistency`, and whatever was missed. */
async function seen(snapshot?: string): Promise<string> {
  const { state, found, missed } = await scan(snapshot);
  const versions = found.packages?.map((each) => each.version);
  return [state.kind, versions, state.consistency, ...missed.map(({ reason }) => reason)].join(" ");
}

const files = async () => (await readdir(pool)).toSorted();
const views = async () => (await readdir(tmpdir())).filter((name) => /^casemate-view-/.test(name));

test("HostAgent.scan: a running VM as it is at one moment; nothing of it is left", async () => {
  const before = [await files(), await views()];
  const { found, missed, os, state, subject } = await scan();
  assert.deepEqual(missed, []);
  assert.equal(os?.versionId, "12");
  assert.equal(subject, "web");
  assert.equal(state.kind, "running");
  assert.deepEqual(
    found.packages?.map(({ name, version }) => [name, version]),
    [["tool", version]],
  );
  assert.deepEqual([await files(), await views()], before);
  assert.equal(await libvirt.backupXml(web), undefined);
});

test("HostAgent.scan: internal and external snapshots are states of their own, running or not", async () => {
  const { snapshots } = agent.hypervisor;
  await snapshots.create(web, { name: "2", kind: "internal" });
  await install(2);
  await snapshots.create(web, { name: "1", kind: "internal" });
  await install(3);
  assert.equal(await seen(), "running 1.333333 consistent");
  await snapshots.create(web, { name: "outside", kind: "external" });
  await install(4);
  const all = async () => [await seen(), await seen("2"), await seen("1"), await seen("outside")];
  const kept = ["1.111111", "1.222222", "1.333333"].map((each) => `snapshot ${each} consistent`);
  assert.deepEqual(await all(), ["running 1.444444 consistent", ...kept]);
  await assert.rejects(scan("none"), { code: "snapshot/unknown" });
  await libvirt.destroy(web);
  assert.deepEqual(await all(), ["off 1.444444 consistent", ...kept]);
  await libvirt.start(web);
});

test("LiveView: what the guest writes meanwhile is not in it", async () => {
  const before = await files();
  {
    await using view = await LiveView.open({
      uri: agent.uri,
      uuid: web,
      disks: [{ target: "vda", scratch: join(pool, "scratch"), size: 2 ** 24 }],
      connect: (use) => use(libvirt),
    });
    const [description] = view.disks;
    assert.ok(description !== undefined);
    await install(5);
    const text = Buffer.alloc(version.length);
    diskFrom(description, view.fds).read(versionAt, text);
    assert.equal(text.toString(), "1.444444");
  }
  assert.deepEqual(await files(), before);
  assert.equal(await seen(), "running 1.555555 consistent");
});

test("attachHost: ends the view that a Casemate left which was killed", async () => {
  const before = await files();
  const script = `
    import { LibvirtConnection, LiveView } from "@casemate/host";
    const connection = await LibvirtConnection.open(${JSON.stringify(agent.uri)});
    globalThis.view = await LiveView.open({
      uri: ${JSON.stringify(agent.uri)},
      uuid: ${JSON.stringify(web)},
      disks: [{ target: "vda", scratch: ${JSON.stringify(join(pool, "left"))}, size: 2 ** 24 }],
      connect: (use) => use(connection),
    });
    console.log("open");`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  assert.match(String(await libvirt.backupXml(web)), /pull/);
  // One that is under way is nobody else's to end.
  await (await attachHost({ uri: agent.uri }))[Symbol.asyncDispose]();
  assert.match(String(await libvirt.backupXml(web)), /pull/);
  child.kill("SIGKILL");
  await once(child, "exit");
  await (await attachHost({ uri: agent.uri }))[Symbol.asyncDispose]();
  assert.equal(await libvirt.backupXml(web), undefined);
  assert.deepEqual([await files(), await views()], [before, []]);
});

test("HostAgent.scan: no name in an image leads out of the pools", async () => {
  const disk = join(pool, "evil.qcow2");
  run("qemu-img", "create", "-q", "-f", "qcow2", disk, "16M");
  run("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", disk);
  const { uuid } = await libvirt.defineDomain(definition("evil", disk));
  const { missed, found } = await scan(undefined, uuid);
  assert.equal(found.packages, undefined);
  assert.deepEqual(
    missed.map(({ what, code }) => [what, code]),
    [
      ["disk vda", "image/refused"],
      ["/", "disk/not-found"],
    ],
  );
});

test("HostAgent.scan: what its guest encrypted, by the passphrase; without it, it is said", async () => {
  const [disk, file] = [join(pool, "locked.luks"), join(pool, "passphrase")];
  const passphrase = Buffer.from("correct horse battery");
  await writeFile(file, passphrase);
  const secret = ["--object", `secret,id=key,file=${file}`];
  run(
    "qemu-img",
    "convert",
    ...secret,
    "-O",
    "luks",
    "-o",
    "key-secret=key,iter-time=10",
    raw,
    disk,
  );
  await rm(file);
  const { uuid } = await libvirt.defineDomain(definition("locked", disk, "raw"));
  const look = async (key?: Uint8Array) => {
    const request = { only: ["packages"] as const, budget, passphrase: key };
    const { found, missed } = await agent.scan(uuid, request);
    return [found.packages?.map(({ name }) => name), missed.map(({ code }) => code)];
  };
  assert.deepEqual(await look(passphrase), [["tool"], []]);
  for (const key of [undefined, Buffer.from("other")]) {
    const [found, codes] = await look(key);
    assert.equal(found, undefined);
    assert.deepEqual([...new Set(codes)].sort(), ["disk/encrypted", "disk/not-found"]);
  }
});
