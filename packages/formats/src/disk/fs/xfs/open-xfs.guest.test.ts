import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { bootTestGuest, labCacheDir, qmpCommand } from "@casemate/lab";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { openXfs } from "./open-xfs.ts";
import { askXfsDb, makeXfs } from "./xfs.fixture.ts";

/** How file systems are made; a guest unmounts all but the last, which it is killed with. */
const kinds = {
  a: ["-b", "size=1024", "-m", "reflink=1,bigtime=1", "-i", "nrext64=1"],
  b: ["-m", "crc=0", "-b", "size=512", "-n", "ftype=0"],
  c: ["-m", "rmapbt=1", "-n", "size=16384"],
} as const;
type Kind = keyof typeof kinds;

/** What a kernel does that `mkfs.xfs` does not: holes, reserved blocks, names taken away, devices. */
const work = `
  mkdir many few link; mknod null c 1 3; mkfifo pipe
  i=0; while [ $i -lt 300 ]; do echo $i > many/a-name-that-takes-room-in-a-directory-$i; i=$((i + 1)); done
  rm many/*3; mkdir few/one; echo few > few/one/file
  chown 70000:80000 few/one/file; chmod 6755 few/one/file; touch -d '1960-02-03 04:05:06' few/one
  i=0; while [ $i -lt 30 ]; do
    dd if=/bin/busybox of=pieces bs=4096 count=1 skip=$i seek=$((i * 2)) conv=notrunc 2>/dev/null
    : > link/$i; i=$((i + 1))
  done
  truncate -s 900000 pieces; fallocate -l 200000 reserved
  echo written | dd of=reserved bs=1 seek=70000 conv=notrunc 2>/dev/null
  echo end | dd of=sparse bs=4096 seek=1000 2>/dev/null
  t=file; while [ \${#t} -lt 900 ]; do t=./././$t; done
  ln few/one/file hard; ln -s "$t" long; ln -s few/one short`;
const tell = `
  find . -mindepth 1 -exec stat -c '%n|%f|%s|%u|%g|%h|%i|%Y' {} +
  find . -type l -exec sh -c 'echo "$0|$(readlink "$0")"' {} \\;
  find . -type f -exec sha256sum {} +`;

const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());
/** What the guest says of each file system's files, a line each. */
const told = new Map<string, readonly string[]>();

before(async () => {
  await using guest = await bootTestGuest({
    cacheDir: labCacheDir,
    machine: "pc",
    modules: ["virtio_pci", "virtio_blk", "xfs"],
  });
  mkdirSync(scratch.path("empty"));
  for (const [name, options] of Object.entries(kinds)) {
    const image = makeXfs(scratch.path(name), scratch.path("empty"), options, "64m");
    const drive = { "node-name": name, driver: "raw", file: { driver: "file", filename: image } };
    await qmpCommand(guest.qmpSocket, "blockdev-add", drive);
    const device = { driver: "virtio-blk-pci", drive: name, id: `disk-${name}` };
    await qmpCommand(guest.qmpSocket, "device_add", device);
    const lines = await guest.console.output(`
      until [ -b /dev/vd${name} ]; do :; done
      mkdir -p /mnt/${name} && mount -t xfs /dev/vd${name} /mnt/${name} && cd /mnt/${name} || exit 1
      if [ ${name} = c ]; then echo c > file; sync; exit; fi
      ${work}
      sync; ${tell}
      cd /; umount /mnt/${name}`);
    told.set(name, lines.trim().split("\n"));
  }
});

for (const name of ["a", "b"] as const satisfies readonly Kind[]) {
  test(`openXfs: what a guest wrote (${kinds[name].join(" ")}): every file as it says`, () => {
    const image = scratch.path(name);
    run("xfs_repair", "-n", "-f", image);
    using file = openFile(image);
    const fs = openXfs(file);
    assert.equal(fs.volume.isDirty, false);
    assert.match(askXfsDb(image, fs.stat("/pieces").inode, "core.format"), /btree/);
    const said: string[] = [];
    for (const { path, node, problem } of fs.walk()) {
      if (problem !== undefined) throw problem;
      const { type, mode, size, uid, gid, links, inode, modifiedMs } = node.stat;
      const bits = (TYPE_BITS[type] + mode).toString(16);
      const seconds = Math.floor(modifiedMs / 1000);
      said.push([`.${path}`, bits, size, uid, gid, links, inode, seconds].join("|"));
      if (type === "symlink") said.push(`.${path}|${node.target()}`);
      if (type === "file") said.push(`${hash("sha256", readAll(node.contents()))}  .${path}`);
    }
    assert.deepEqual(said.toSorted(), told.get(name)?.toSorted());
  });
}

/** `S_IFMT` of each type. */
const TYPE_BITS = {
  fifo: 0o010000,
  "character-device": 0o020000,
  directory: 0o040000,
  "block-device": 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

test("openXfs: a guest was killed: it is dirty, as xfs_logprint says", () => {
  const image = scratch.path("c");
  assert.match(run("xfs_logprint", "-t", image), /<DIRTY>/);
  using file = openFile(image);
  assert.equal(openXfs(file).volume.isDirty, true);
});
