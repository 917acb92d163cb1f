import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { diskOf, makeScratch, makeVolume, run } from "../system.fixture.ts";
import { findDifferences } from "./listing.fixture.ts";
import { SystemIndex } from "./system-index.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

/** A disk with volumes in its primary partitions, 1 MiB between them. */
function partition(...volumes: readonly Buffer[]): Buffer {
  const disk = Buffer.alloc(MIB * (1 + volumes.reduce((sum, { length }) => sum + length / MIB, 9)));
  let at = MIB;
  for (const [i, volume] of volumes.entries()) {
    const entry = 446 + 16 * i;
    disk.writeUInt8(0x83, entry + 4);
    disk.writeUInt32LE(at / 512, entry + 8);
    disk.writeUInt32LE(volume.length / 512, entry + 12);
    volume.copy(disk, at);
    at += volume.length + MIB;
  }
  disk.write("55aa", 510, "hex");
  return disk;
}

function change(volume: Buffer, ...commands: readonly string[]): Buffer {
  const image = scratch.path("image");
  const script = scratch.path("commands");
  writeFileSync(image, volume);
  writeFileSync(script, `${commands.join("\n")}\n`);
  run("debugfs", "-w", "-f", script, image);
  return readFileSync(image);
}

const data = makeVolume({ "old/name": "contents" });
const root = makeVolume({
  "etc/os-release": "ID=debian\n",
  "etc/fstab": "/dev/vda1 / ext4 defaults 0 1\n/dev/vda2 /srv ext4 defaults 0 2\n",
  "srv/.keep": "",
});
const loose = makeVolume({ "some/where": "else" });
const swap = Buffer.alloc(MIB);
swap.write("SWAPSPACE2", 4086);
const fat = scratch.path("fat");
run("mkfs.vfat", "-C", fat, "4096");

test("SystemIndex.update: tells of each volume by where it is mounted, and of none that is not followed", () => {
  const before = [partition(root, data, swap, readFileSync(fat)), loose];
  const disks = (bytes: readonly Buffer[]) =>
    bytes.map((each, i) => ({ name: `vd${"ab"[i]}`, reader: diskOf(each) }));
  const index = new SystemIndex(disks(before));
  assert.deepEqual(
    index.missed.map(({ what, code }) => [what, code]),
    [["disk 0, partition 4", "disk/unknown-format"]],
  );
  const now = [
    partition(
      change(root, "mkdir /new"),
      change(data, "ln /old/name /moved", "unlink /old/name"),
      swap,
      readFileSync(fat),
    ),
    change(loose, "set_inode_field /some/where mode 0100600"),
  ];
  const written = now.map((each, i) => [...findDifferences(before[i] ?? each, each, 512)]);
  const { events, missed } = index.update(disks(now), written);
  assert.deepEqual(missed, []);
  const told = events.map(({ kind, path, ...rest }) => [
    kind,
    path,
    ...("from" in rest ? [rest.from] : []),
    ...("changes" in rest ? Object.keys(rest.changes) : []),
  ]);
  assert.deepEqual(
    told.filter(([, path]) => !/^(?:\/srv)?\/(?:old)?$/.test(String(path))),
    [
      ["created", "/new"],
      ["moved", "/srv/moved", "/srv/old/name"],
      ["metadata", "[disk 1]/some/where", "mode"],
    ],
  );
  assert.deepEqual(index.update(disks(now), [[], []]).events, []);
  const other = [partition(swap, root, data), loose];
  assert.throws(() => index.update(disks(other), [[], []]), { code: "disk/incomplete" });
});
