import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MiB } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { type GuestConsole, labCacheDir, PrivateLibvirt, startSmallGuest } from "@casemate/lab";
import type { FileEvent } from "@casemate/scan";
import { type FileWatchTick, watchFiles } from "./file-watch.ts";

const size = 64 * MiB;
/** Nothing here takes that long; what does not come is waited for no longer. */
const timeout = 240_000;
const stack = new AsyncDisposableStack();
let libvirt: LibvirtConnection;
let guest: GuestConsole;
let pool: string;
let uri: string;
let uuid: string;

before(async () => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-watch-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o711);
  pool = join(scratch, "pool");
  await mkdir(pool);
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir, givesFiles: true }),
  );
  ({ uri } = daemon);
  const owner = await stat("/var/lib/libvirt/qemu");
  await chown(pool, owner.uid, owner.gid);
  const raw = join(scratch, "raw");
  const tree = join(scratch, "tree");
  await mkdir(join(tree, "etc"), { recursive: true });
  await writeFile(join(tree, "etc/os-release"), "ID=debian\n");
  execFileSync("/sbin/mke2fs", ["-q", "-F", "-t", "ext4", "-d", tree, raw, "64M"]);
  execFileSync("qemu-img", ["convert", "-O", "qcow2", raw, join(pool, "disk.qcow2")]);
  libvirt = stack.use(await LibvirtConnection.open(uri));
  const devices = `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/>
    <source file="${join(pool, "disk.qcow2")}"/><target dev="vda" bus="virtio"/></disk>`;
  const watched = stack.use(await startSmallGuest(daemon, libvirt, { name: "watched", devices }));
  ({ uuid, console: guest } = watched);
  await guest.output("mkdir -p /mnt && mount -t ext4 /dev/vda /mnt && sync");
});
after(() => stack.disposeAsync());

const bitmaps = async () => {
  const query = { execute: "query-named-block-nodes" };
  return JSON.stringify(await libvirt.qmp(uuid, query)).includes("casemate-written");
};

test("watchFiles: what a guest does to its files is seen from outside, whatever it was", {
  timeout,
}, async () => {
  const scratch = () => join(pool, `.view-${randomUUID()}`);
  const options = {
    ...{ uri, uuid },
    disks: async () => ({ viewed: [{ target: "vda", scratch: scratch(), size }], missed: [] }),
    inTurn: <T>(use: () => Promise<T>) => use(),
    connect: <T>(use: (connection: LibvirtConnection) => Promise<T>) => use(libvirt),
  };
  const stop = new AbortController();
  const ticks = watchFiles(options, stop.signal);
  const next = async (): Promise<FileWatchTick> => {
    const { value, done } = await ticks.next();
    if (done === true) throw new Error("it ended");
    return value;
  };
  const first = await next();
  assert.equal(first.kind, "read");
  assert.deepEqual(first.missed, []);

  /** Until what is looked for was seen, in whichever tick. */
  const seen: FileEvent[] = [];
  const see = async (kind: FileEvent["kind"], path: string): Promise<FileEvent> => {
    for (;;) {
      const found = seen.find((event) => event.kind === kind && event.path === path);
      if (found !== undefined) return found;
      const tick = await next();
      if (tick.kind !== "changed") throw new Error("all was read again");
      assert.deepEqual(tick.missed, []);
      seen.push(...tick.events);
    }
  };
  const act = async (command: string) => {
    seen.length = 0;
    await guest.output(`cd /mnt && ${command} && sync`);
  };
  await act("mkdir dir && echo one > dir/new");
  await see("created", "/dir");
  const created = await see("created", "/dir/new");
  assert.equal(created.kind === "created" && created.stat.size, 4);
  await act("printf two | dd of=dir/new bs=1 seek=1 conv=notrunc 2>/dev/null");
  await see("contents", "/dir/new");
  await act("chmod 4755 dir/new");
  const changed = await see("metadata", "/dir/new");
  const mode = changed.kind === "metadata" ? changed.changes.mode : undefined;
  assert.deepEqual(mode, { from: 0o644, to: 0o4755 });
  await act("mv dir/new moved && ln moved second");
  const moved = await see("moved", "/moved");
  assert.equal(moved.kind === "moved" && moved.from, "/dir/new");
  await see("created", "/second");
  await act("rm moved && mv dir directory");
  await see("deleted", "/moved");
  await see("moved", "/directory");

  // Another image from here on: all is read anew, and nothing is told that is not known.
  await libvirt.createSnapshot(
    uuid,
    `<domainsnapshot><name>s</name><disks><disk name="vda" snapshot="external">
      <source file="${join(pool, "overlay.qcow2")}"/></disk></disks></domainsnapshot>`,
    ["diskOnly"],
  );
  const again = await next();
  assert.equal(again.kind, "read");
  await act("echo after > later");
  await see("created", "/later");
  stop.abort(new Error("enough"));
  await assert.rejects(ticks.next(), /enough|aborted/);
  assert.equal(await bitmaps(), false);
  assert.deepEqual((await readdir(pool)).toSorted(), ["disk.qcow2", "overlay.qcow2"]);
});
