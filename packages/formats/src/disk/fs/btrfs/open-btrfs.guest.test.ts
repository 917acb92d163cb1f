import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { truncateSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { bootTestGuest, labCacheDir, qmpCommand } from "@casemate/lab";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { openBtrfs } from "./open-btrfs.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());
const image = scratch.path("btrfs.img");
let said = "";

before(async () => {
  said = await write();
});

/** A guest that writes and is killed at once; returns what it says of its files: sum, size, time, path. */
async function write(): Promise<string> {
  const modules = ["virtio_pci", "virtio_blk", "virtio_rng", "btrfs"];
  await using guest = await bootTestGuest({ cacheDir: labCacheDir, machine: "pc", modules });
  writeFileSync(image, "");
  truncateSync(image, 128 * MIB);
  run("mkfs.btrfs", "-q", image);
  const file = { driver: "file", filename: image };
  const drive = { "node-name": "a", driver: "raw", file };
  await qmpCommand(guest.qmpSocket, "blockdev-add", drive);
  await qmpCommand(guest.qmpSocket, "device_add", { driver: "virtio-blk-pci", drive: "a" });
  return await guest.console.output(`
    until [ -b /dev/vda ]; do :; done
    mkdir -p /mnt/a && mount -t btrfs -o commit=600 /dev/vda /mnt/a && cd /mnt/a || exit 1
    for how in zlib lzo zstd; do
      mount -o remount,compress-force=$how /mnt/a && mkdir $how || exit 1
      seq 40000 > $how/numbers
      seq 200 > $how/inline
      dd if=/dev/urandom of=$how/noise bs=4096 count=20 2>/dev/null
      sync
      echo over | dd of=$how/numbers bs=1 seek=135000 conv=notrunc 2>/dev/null
      echo over | dd of=$how/inline bs=1 seek=100 conv=notrunc 2>/dev/null
      truncate -s 150001 $how/numbers
      dd if=/dev/urandom of=$how/sparse bs=1 count=9 seek=300000 2>/dev/null
      sync
    done
    find . -type f -exec sh -c 'echo $(sha256sum < $1) $(stat -c "%s %Y %a" $1) $1' . {} \\; > /tmp/said
    echo fsynced > late; dd if=/dev/urandom of=late bs=4096 count=1 conv=fsync 2>/dev/null
    cat /tmp/said
  `);
}

test("openBtrfs: files that a running guest compressed, and that its log was not replayed", () => {
  using file = openFile(image);
  const fs = openBtrfs(file);
  assert.equal(fs.volume.isDirty, true);
  const files = [...fs.walk()].flatMap(({ path, node, problem }) => {
    assert.equal(problem, undefined);
    if (node?.stat.type !== "file") return [];
    const { size, modifiedMs, mode } = node.stat;
    const sum = hash("sha256", readAll(node.contents(), 70_001));
    const seconds = Math.floor(modifiedMs / 1000);
    return [`${sum} - ${size} ${seconds} ${mode.toString(8)} .${path}`];
  });
  assert.deepEqual(files.sort(), said.trim().split("\n").sort());
  assert.equal(files.length, 12);
  const compressed = run("btrfs", "inspect-internal", "dump-tree", "-t", "5", image);
  for (const name of ["zlib", "lzo", "zstd"])
    assert.match(compressed, new RegExp(`extent compression \\d \\(${name}\\)`));
});
