import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MiB } from "@casemate/core";
import { type GuestConsole, labCacheDir, PrivateLibvirt, startSmallGuest } from "@casemate/lab";
import { LibvirtConnection } from "../../libvirt/libvirt-connection.ts";
import { diskFrom } from "../disk-from.ts";
import { endAbandonedViews } from "../live/end-abandoned-views.ts";
import { LiveView } from "../live/live-view.ts";
import { endAbandonedFollows } from "./end-follow.ts";
import { FollowedDisks } from "./followed-disks.ts";

const stack = new AsyncDisposableStack();
let libvirt: LibvirtConnection;
let guest: GuestConsole;
let scratch: string;
let uri: string;
let uuid: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-follow-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir, givesFiles: true }),
  );
  ({ uri } = daemon);
  const owner = await stat("/var/lib/libvirt/qemu");
  await chmod(scratch, 0o711);
  const pool = join(scratch, "pool");
  execFileSync("mkdir", [pool]);
  await chown(pool, owner.uid, owner.gid);
  const disk = join(pool, "disk.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
  libvirt = stack.use(await LibvirtConnection.open(uri));
  const devices = `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
    <source file="${disk}"/><target dev="vda" bus="virtio"/></disk>`;
  const followed = stack.use(await startSmallGuest(daemon, libvirt, { name: "followed", devices }));
  ({ uuid, console: guest } = followed);
});
after(() => stack.disposeAsync());

const connect = <T>(use: (connection: LibvirtConnection) => Promise<T>) => use(libvirt);
let views = 0;
const openView = () => {
  views += 1;
  const path = join(scratch, "pool", `scratch-${views}`);
  const disks = [{ target: "vda", scratch: path, size: 64 * MiB }];
  return LiveView.open({ uri, uuid, disks, connect });
};
const bitmaps = async () => {
  const query = { execute: "query-named-block-nodes" };
  return (JSON.stringify(await libvirt.qmp(uuid, query)).match(/casemate-written/g) ?? []).length;
};

test("FollowedDisks: tells what the guest wrote, of which a view has the bytes", async () => {
  await using followed = await FollowedDisks.open({ uri, uuid, targets: ["vda"], connect });
  assert.equal(await followed.hasWritten(), false);
  for (const [text, at] of [
    ["first", 5],
    ["second", 4000],
  ] as const) {
    await guest.output(
      `printf ${text} | dd of=/dev/vda bs=4096 seek=${at} conv=notrunc 2>/dev/null; sync`,
    );
    assert.equal(await followed.hasWritten(), true);
    const read = await followed.read(openView);
    assert.deepEqual(read.written.get("vda"), [{ start: at * 4096, end: (at + 1) * 4096 }]);
    const [description] = read.view.disks;
    if (description === undefined) throw new Error("no disk");
    const bytes = Buffer.alloc(text.length);
    diskFrom(description, read.view.fds).read(at * 4096, bytes);
    assert.equal(bytes.toString(), text);
    await read[Symbol.asyncDispose]();
    assert.equal(await followed.hasWritten(), false);
  }
  assert.ok((await bitmaps()) > 0);
  await followed[Symbol.asyncDispose]();
  assert.equal(await bitmaps(), 0);
});

test("FollowedDisks.read: what cannot be viewed now is told of the next time", async () => {
  await using followed = await FollowedDisks.open({ uri, uuid, targets: ["vda"], connect });
  await guest.output("echo late | dd of=/dev/vda bs=4096 seek=77 conv=notrunc 2>/dev/null; sync");
  const refused = new Error("refused");
  await assert.rejects(
    followed.read(() => Promise.reject(refused)),
    refused,
  );
  await using read = await followed.read(openView);
  assert.deepEqual(read.written.get("vda"), [{ start: 77 * 4096, end: 78 * 4096 }]);
});

test("endAbandonedFollows: removes what a process left that was killed, and nobody else's", async () => {
  await using other = await FollowedDisks.open({ uri, uuid, targets: ["vda"], connect });
  const before = await bitmaps();
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url));
  const script = `
    const { LibvirtConnection } = await import(${module("../../libvirt/libvirt-connection.ts")});
    const { FollowedDisks } = await import(${module("followed-disks.ts")});
    const { LiveView } = await import(${module("../live/live-view.ts")});
    const [uri, uuid, path] = process.argv.slice(1);
    const libvirt = await LibvirtConnection.open(uri);
    const connect = (use) => use(libvirt);
    const followed = await FollowedDisks.open({ uri, uuid, targets: ["vda"], connect });
    const disks = [{ target: "vda", scratch: path, size: 64 << 20 }];
    globalThis.read = await followed.read(() => LiveView.open({ uri, uuid, disks, connect }));
    console.log("reads");
    setInterval(() => {}, 1000);`;
  const left = join(scratch, "pool", "left");
  const args = ["--input-type=module", "-e", script, uri, uuid, left];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  assert.equal(String(await once(child.stdout, "data")), "reads\n");
  child.kill("SIGKILL");
  await exited;
  assert.ok((await bitmaps()) > before);
  await endAbandonedViews(uri, connect);
  await endAbandonedFollows(uri, connect);
  assert.equal(await bitmaps(), before);
  assert.equal(await other.hasWritten(), false);
});
