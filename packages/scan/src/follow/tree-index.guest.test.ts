import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { bootTestGuest, labCacheDir, qmpCommand } from "@casemate/lab";
import { diskOf, makeScratch, run } from "../system.fixture.ts";
import { assertExplains, findDifferences, listFiles } from "./listing.fixture.ts";
import { TreeIndex } from "./tree-index.ts";

const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

/** How file systems are made and mounted, so that the kernel logs each in its way. */
const kinds = {
  a: { mke2fs: ["-t", "ext4"], mount: "" },
  b: { mke2fs: ["-t", "ext4", "-b", "1024", "-O", "^metadata_csum"], mount: "-o data=journal" },
  c: { mke2fs: ["-t", "ext4", "-O", "fast_commit"], mount: "" },
} as const;

/** What is done one after another, each in every file system, before it is looked at. */
const rounds = [
  "mkdir one one/deep two; for i in 1 2 3 4 5 6 7 8 9; do echo $i > one/$i; done; sync",
  "mv one/1 two/first; rm one/2; ln one/3 hard; chmod 600 one/4; echo more >> one/5; sync",
  "mv one two/moved; mkdir one; echo other > one/3; ln -s first two/soft; sync",
  "dd if=/bin/busybox of=large bs=64k count=8 2>/dev/null; sync large",
  "dd if=/bin/busybox of=large bs=1k skip=9 seek=100 count=2 conv=notrunc 2>/dev/null; sync large",
  "rm -r two; mkdir three; for i in 1 2 3 4; do echo $i > three/$i; done; rm hard; sync",
  "i=0; while [ $i -lt 300 ]; do : > three/name-$i; i=$((i + 1)); done; sync",
  "rm three/name-1*; mv large one/large; : > one/large; chown 5:6 three; sync",
  "echo new > three/new; sync three/new; mv three/new three/newer; sync three/newer",
] as const;

test("TreeIndex.update: what a kernel wrote, to its journal first, explains the second listing", async () => {
  await using guest = await bootTestGuest({ cacheDir: labCacheDir, machine: "pc" });
  for (const [name, { mke2fs, mount }] of Object.entries(kinds)) {
    const filename = scratch.path(name);
    run("mke2fs", "-q", "-F", "-J", "size=4", ...mke2fs, filename, "24M");
    const drive = { "node-name": name, driver: "raw", file: { driver: "file", filename } };
    await qmpCommand(guest.qmpSocket, "blockdev-add", drive);
    const device = { driver: "virtio-blk-pci", drive: name, id: `disk-${name}` };
    await qmpCommand(guest.qmpSocket, "device_add", device);
    await guest.console.output(`
      until [ -b /dev/vd${name} ]; do :; done
      mkdir -p /mnt/${name} && mount ${mount} /dev/vd${name} /mnt/${name}`);
  }
  /** As it is at one moment, while the guest does nothing. */
  const read = async (name: string): Promise<Buffer> => {
    await qmpCommand(guest.qmpSocket, "stop");
    const bytes = readFileSync(scratch.path(name));
    await qmpCommand(guest.qmpSocket, "cont");
    return bytes;
  };
  for (const name of Object.keys(kinds)) {
    let bytes = await read(name);
    let listing = listFiles(diskOf(bytes));
    const index = new TreeIndex(diskOf(bytes));
    for (const round of rounds) {
      await guest.console.output(`cd /mnt/${name} && { ${round}; }`);
      const now = await read(name);
      const seen = listFiles(diskOf(now));
      const written = findDifferences(bytes, now, 512);
      const { events, missed } = index.update(diskOf(now), written);
      assert.deepEqual(missed, []);
      assert.ok(events.length > 0, `${name}: ${round}`);
      assertExplains(events, listing, seen);
      [bytes, listing] = [now, seen];
    }
  }
});
