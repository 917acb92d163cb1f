import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "./bytes-reader.ts";
import { makeScratch, run } from "./disk.fixture.ts";
import { openFileSystem } from "./open-file-system.ts";
import { buildMbr } from "./partition/table.fixture.ts";
import { formatVolumeOrigin } from "./volume-origin.ts";
import { type WalkOptions, walkVolumes } from "./walk-volumes.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

/** A file of a size that a tool makes something in. */
function make(size: number, tool: string, ...args: readonly string[]): Buffer {
  const file = scratch.path("volume");
  writeFileSync(file, "");
  truncateSync(file, size);
  run(tool, ...args, file);
  return readFileSync(file);
}

const walk = (disks: readonly Buffer[], options: WalkOptions = {}) =>
  [
    ...walkVolumes(
      disks.map((disk) => new BytesReader(disk)),
      options,
    ),
  ].map(({ origin, holds, problem }) => [formatVolumeOrigin(origin), holds ?? problem?.code]);

test("walkVolumes: swap, file systems and nothing, on partitions and on whole disks", () => {
  const swap = make(MIB, "mkswap");
  const fat = make(MIB, "mkfs.fat");
  const slots = [
    { type: 0x82, start: 2, sectors: 100 },
    { type: 0x0c, start: 102, sectors: 100 },
  ];
  const parted = buildMbr(slots, 400, 1);
  swap.copy(parted, 1024, 0, 100 * 512);
  assert.deepEqual(walk([swap, parted, fat, Buffer.alloc(MIB)]), [
    ["disk 0", "swap"],
    ["disk 1, partition 1", "swap"],
    ["disk 1, partition 2", undefined],
    ["disk 1, partition 3", undefined],
    ["disk 1, partition 5", undefined],
    ["disk 2", "vfat"],
    ["disk 3", undefined],
  ]);
});

test("walkVolumes: a disk that cannot be read is said, and the others are walked", () => {
  const gpt = Buffer.alloc(MIB);
  gpt.write("EFI PART", 512);
  const fat = make(MIB, "mkfs.fat");
  assert.deepEqual(walk([gpt, fat]), [
    ["disk 0", "disk/damaged"],
    ["disk 1", "vfat"],
  ]);
});

test("walkVolumes: LUKS, with a key, with another, with none and with a header that is damaged", () => {
  const key = scratch.path("key");
  writeFileSync(key, "passphrase");
  const quick = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "-s", "256"];
  const format = ["luksFormat", "-q", "--type", "luks1", ...quick, "--key-file", key];
  const luks = make(4 * MIB, "cryptsetup", ...format);
  const locked = ["disk 0", "crypto_LUKS"];
  assert.deepEqual(walk([luks]), [locked]);
  assert.throws(() => openFileSystem(new BytesReader(luks)), {
    code: "disk/encrypted",
    message: /LUKS1, aes-xts-plain64, 1 keyslot/,
  });
  assert.deepEqual(walk([luks], { unlock: () => undefined }), [locked]);
  assert.deepEqual(
    walk([luks], {
      unlock({ version, keyslots, uuid }, origin) {
        assert.deepEqual([version, keyslots.length, origin.kind], [1, 1, "disk"]);
        assert.match(uuid, /^[0-9a-f-]{36}$/);
        return { passphrase: "passphrase" };
      },
    }),
    [locked, ["disk 0, decrypted", undefined]],
  );
  assert.deepEqual(walk([luks], { unlock: () => ({ passphrase: "wrong" }) }), [
    locked,
    ["disk 0, decrypted", "disk/encrypted"],
  ]);
  luks.writeUInt32BE(0xffff_ffff, 108);
  assert.deepEqual(walk([luks], { unlock: () => ({ passphrase: "passphrase" }) }), [
    locked,
    ["disk 0", "disk/damaged"],
  ]);
});
