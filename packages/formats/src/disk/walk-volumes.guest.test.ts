import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, test } from "node:test";
import { bootTestGuest, labCacheDir, qmpCommand, type TestGuest } from "@casemate/lab";
import { makeScratch, openFile, readAll, run } from "./disk.fixture.ts";
import { formatVolumeOrigin } from "./volume-origin.ts";
import { walkVolumes } from "./walk-volumes.ts";

const signal = AbortSignal.timeout(300_000);
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

/** What the guest's kernel needs: the lab's guests have no logical volumes. */
const modules = [
  ...["virtio_pci", "virtio_blk", "virtio_rng", "ext4"],
  ...["dm_thin_pool", "dm_snapshot", "dm_crypt", "xts", "ecb"],
];
const programs = ["/usr/sbin/lvm", "/usr/sbin/cryptsetup"];
/** Without udev, monitors or anything to ask. */
const lvmConf = `
activation { udev_sync=0 udev_rules=0 monitoring=0 }
devices { use_devicesfile=0 obtain_device_list_from_udev=0 external_device_info_source="none" }
global { use_lvmpolld=0 thin_check_executable="" }
backup { backup=0 archive=0 }
`;

/** A file system with the host's own lvm2 and cryptsetup, and what they are linked with. */
function makeTools(image: string): void {
  const tree = scratch.path("tree");
  const libraries = programs.flatMap((program) => [
    ...run("ldd", program).matchAll(/(?:=> )?(\/\S+) \(0x/g),
  ]);
  for (const file of new Set([...programs, ...libraries.map(([, file]) => file ?? "")])) {
    mkdirSync(`${tree}${dirname(file)}`, { recursive: true });
    copyFileSync(file, `${tree}${file}`);
  }
  for (const name of ["etc/lvm", "dev", "proc", "sys", "run", "tmp"]) {
    mkdirSync(`${tree}/${name}`, { recursive: true });
  }
  writeFileSync(`${tree}/etc/lvm/lvm.conf`, lvmConf);
  run("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "96M");
}

async function plug(guest: TestGuest, name: string, filename: string): Promise<void> {
  const file = { driver: "file", filename };
  const node = { driver: "raw", "node-name": name, file };
  await qmpCommand(guest.qmpSocket, "blockdev-add", node);
  const device = { driver: "virtio-blk-pci", drive: name, id: `${name}-device`, serial: name };
  await qmpCommand(guest.qmpSocket, "device_add", device);
}

/** What makes the volumes, in the guest; `write` fills a part of a volume with what nothing else has. */
const script = `
set -e
mkdir -p /tools
disk() { for d in /sys/block/vd*; do if grep -qs $1 $d/serial; then echo /dev/\${d##*/}; fi; done; }
for i in 1 2 3 4 5 6 7 8 9 10; do if [ -z "$(disk pv1)" ]; then sleep 1; fi; done
mount -t ext4 $(disk tools) /tools
for d in dev proc sys; do mount --bind /$d /tools/$d; done
lvm() { chroot /tools /usr/sbin/lvm "$@" >/dev/null; }
write() { yes "$1 $2 $3" | dd of=/dev/mapper/$1 bs=64k seek=$2 count=$3 conv=notrunc 2>/dev/null; }
A=$(disk pv0); B=$(disk pv1)
lvm pvcreate $A $B
lvm vgcreate -s 1M vg0 $A $B
lvm lvcreate -y -L 3M -n root vg0 $A
lvm lvcreate -y -L 4M -i 2 -I 64k -n fast vg0
lvm lvextend -L +2M vg0/root $B
write vg0-root 0 80
write vg0-fast 0 64
lvm lvcreate -y -s -L 4M -n before vg0/root
write vg0-root 3 20
write vg0-before 70 2
lvm lvcreate -y -L 8M --chunksize 64k --poolmetadatasize 2M -T vg0/pool
lvm lvcreate -y -V 16M -T vg0/pool -n thin
for at in 0 7 9 100 254; do write vg0-thin $at 2; done
lvm lvcreate -y -s -kn -n then vg0/thin
write vg0-thin 100 1
write vg0-thin 150 3
lvm lvcreate -y -L 4M -n secret vg0
crypt() { printf passphrase | chroot /tools /usr/sbin/cryptsetup "$@" --key-file - >/dev/null; }
crypt luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \\
  --luks2-keyslots-size 512k --sector-size 4096 /dev/mapper/vg0-secret
crypt open /dev/mapper/vg0-secret clear
write clear 0 32
sync
for v in vg0-root vg0-fast vg0-before vg0-thin vg0-then clear; do
  sha256sum /dev/mapper/$v
done
chroot /tools /usr/sbin/cryptsetup close clear
lvm vgchange -an vg0
sync
`;

test("walkVolumes: linear, striped and thin volumes, snapshots and LUKS2 as a kernel made them", async () => {
  const [tools, ...disks] = ["tools", "pv0", "pv1"].map((name) => scratch.path(`${name}.img`));
  assert.ok(tools !== undefined);
  makeTools(tools);
  for (const disk of disks) {
    writeFileSync(disk, "");
    truncateSync(disk, 48 * 1024 * 1024);
  }
  let said: string;
  {
    const options = { cacheDir: labCacheDir, machine: "pc", modules } as const;
    await using guest = await bootTestGuest(options, signal);
    for (const [i, name] of ["tools", "pv0", "pv1"].entries()) {
      await plug(guest, name, [tools, ...disks][i] ?? "");
    }
    said = await guest.console.output(script, signal);
  }
  const told = new Map(
    [...said.matchAll(/^([0-9a-f]{64}) +\/dev\/mapper\/(\S+)$/gm)].map(([, hash, name]) => [
      name === "clear"
        ? "logical volume vg0/secret, decrypted"
        : `logical volume ${name?.replace("-", "/")}`,
      hash,
    ]),
  );
  assert.equal(told.size, 6, said);
  using first = openFile(disks[0] ?? "");
  using second = openFile(disks[1] ?? "");
  const unlock = () => ({ passphrase: "passphrase" });
  const seen = new Map<string, string>();
  const held: string[] = [];
  for (const { origin, holds, reader, problem } of walkVolumes([second, first], { unlock })) {
    if (problem !== undefined) throw problem;
    held.push(`${formatVolumeOrigin(origin)}: ${holds}`);
    if (origin.kind !== "logical-volume" && origin.kind !== "decrypted") continue;
    if (holds === "crypto_LUKS") continue;
    seen.set(
      formatVolumeOrigin(origin),
      createHash("sha256").update(readAll(reader)).digest("hex"),
    );
  }
  assert.deepEqual(new Map([...seen].toSorted()), new Map([...told].toSorted()));
  assert.ok(held.includes("logical volume vg0/secret: crypto_LUKS"));
  assert.deepEqual(held.slice(0, 2), ["disk 0: LVM2_member", "disk 1: LVM2_member"]);
});
