import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32c } from "../src/crc32c.ts";
import {
  buildPhysicalVolumes,
  EXTENT,
  linear,
  PE_START,
  sealVolumeGroup,
} from "../src/disk/lvm/volume-group.fixture.ts";
import type { SoundDisk } from "./build-disks.ts";

type Run = (file: string, ...args: readonly string[]) => void;

/** Volume groups, LUKS and FAT: @param file to be put in; @param files a file system to be put in. */
export function buildVolumes(
  run: Run,
  scratch: string,
  { file, files }: { readonly file: string; readonly files: Buffer | undefined },
): readonly SoundDisk[] {
  const raw = join(scratch, "volume.raw");
  return [
    ...buildFats(run, raw, file),
    { name: "lvm2", bytes: buildVolumeGroup(files), seal: sealVolumeGroup },
    buildThinPool(run, scratch),
    ...buildLuks(run, raw),
  ];
}

/** FAT of each width, with files whose clusters and names are several. */
function buildFats(run: Run, raw: string, file: string): readonly SoundDisk[] {
  const make = (bits: string, kib: string) => {
    rmSync(raw, { force: true });
    run("mkfs.fat", "-F", bits, "-s", "1", "-C", raw, kib);
  };
  const small = ["12", "16"].map((bits) => {
    // As few clusters as FAT16 may have take 2 MiB.
    make(bits, bits === "16" ? "2200" : "1024");
    run("mmd", "-i", raw, "::/EFI", "::/EFI/debian");
    run("mcopy", "-i", raw, file, "::/EFI/a-longer-name-of-file");
    run("mcopy", "-i", raw, file, "::/EFI/debian/LARGE");
    return { name: `FAT${bits}`, bytes: readFileSync(raw) };
  });
  make("32", "1024");
  return [...small, { name: "FAT32", bytes: fillFat32(readFileSync(raw)) }];
}

/** Mtools do not write to a FAT32 with fewer clusters than it should have: a directory and a file of 50 in it. */
function fillFat32(bytes: Buffer): Buffer {
  const tables = bytes.readUInt16LE(14) * 512;
  const tableSize = bytes.readUInt32LE(36) * 512;
  const data = tables + 2 * tableSize;
  for (const table of [tables, tables + tableSize]) {
    bytes.writeUInt32LE(0xfff_ffff, table + 3 * 4);
    for (let cluster = 4; cluster < 54; cluster += 1) {
      bytes.writeUInt32LE(cluster === 53 ? 0xfff_ffff : cluster + 1, table + cluster * 4);
    }
  }
  const enter = (
    cluster: number,
    name: string,
    attributes: number,
    first: number,
    size: number,
  ) => {
    const at = data + (cluster - 2) * 512;
    bytes.write(name, at, "latin1");
    bytes.writeUInt8(attributes, at + 11);
    bytes.writeUInt16LE(first, at + 26);
    bytes.writeUInt32LE(size, at + 28);
  };
  enter(2, "EFI        ", 0x10, 3, 0);
  enter(3, "LARGE   EFI", 0x20, 4, 50 * 512);
  return bytes;
}

/** A thin volume and a snapshot of a linear one; the metadata of the pool are a block of each kind. */
function buildThinPool(run: Run, scratch: string): SoundDisk {
  const [xml, metadata] = [join(scratch, "pool.xml"), join(scratch, "pool.metadata")];
  const chunks = Array.from(
    { length: 300 },
    (_, i) => `<single_mapping origin_block="${i * 3}" data_block="${i % 4}" time="1"/>`,
  );
  const device = `<device dev_id="1" mapped_blocks="300" transaction="0" creation_time="0" snap_time="1">`;
  const pool = `<superblock uuid="" time="1" transaction="1" version="2" data_block_size="128" nr_data_blocks="4">`;
  writeFileSync(xml, `${pool}${device}${chunks.join("")}</device></superblock>`);
  writeFileSync(metadata, Buffer.alloc(4 * EXTENT));
  run("thin_restore", "-i", xml, "-o", metadata);
  const part = (name: string, extents: number, from: number) => ({
    ...{ name, segments: [linear(extents, "pv0", from)], isHidden: true },
  });
  const says = (name: string, extents: number, text: string) => ({
    ...{ name, segments: [{ extents, says: text }] },
  });
  const [disk = Buffer.alloc(0)] = buildPhysicalVolumes({
    members: [12],
    volumes: [
      part("tmeta", 4, 0),
      part("tdata", 4, 4),
      says("pool", 4, `type = "thin-pool"\nmetadata = "tmeta"\npool = "tdata"`),
      says("thin", 900, `type = "thin"\nthin_pool = "pool"\ndevice_id = 1`),
      { name: "root", segments: [linear(2, "pv0", 8)] },
      part("cow", 2, 10),
      says("snapshot0", 2, `type = "snapshot"\norigin = "root"\ncow_store = "cow"`),
    ],
  });
  readFileSync(metadata).copy(disk, PE_START);
  const store = disk.subarray(PE_START + 10 * EXTENT).fill(0);
  for (const [i, word] of [0x7041_6e53, 1, 1, 8].entries()) store.writeUInt32LE(word, 4 * i);
  for (let i = 0; i < 20; i += 1) {
    store.writeBigUInt64LE(BigInt(31 - i), 4096 + 16 * i);
    store.writeBigUInt64LE(BigInt(2 + i), 4096 + 16 * i + 8);
  }
  return { name: "lvm2 thin", bytes: disk, seal: makePoolSeal(disk) };
}

/** Linux, dm-thin-metadata.c and dm-btree-spine.c: what the superblock's and the nodes' checksums are mixed with. */
const POOL_MASKS = [160_774, 121_107] as const;

/** The checksums of the group and of all blocks of the pool's metadata that have one. */
function makePoolSeal(sound: Buffer): (changed: Buffer) => void {
  const checksum = (disk: Buffer, at: number, mask: number) =>
    (crc32c(0xffff_ffff, disk.subarray(at + 4, at + 4096)) ^ mask) >>> 0;
  const blocks: (readonly [at: number, mask: number])[] = [];
  for (let at = PE_START; at < PE_START + 4 * EXTENT; at += 4096) {
    for (const mask of POOL_MASKS) {
      if (sound.readUInt32LE(at) === checksum(sound, at, mask)) blocks.push([at, mask]);
    }
  }
  return (changed) => {
    sealVolumeGroup(changed);
    for (const [at, mask] of blocks) {
      if (at + 4096 <= changed.length) changed.writeUInt32LE(checksum(changed, at, mask), at);
    }
  };
}

/** What opens them. */
export const LUKS_PASSPHRASE = "casemate";

/** LUKS of both versions with nothing in them: what is damaged is the header and the keyslots. */
function buildLuks(run: Run, raw: string): readonly SoundDisk[] {
  const quick = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "-s", "256"];
  const small = ["--luks2-metadata-size", "16k", "--luks2-keyslots-size", "256k"];
  const key = `${raw}.key`;
  writeFileSync(key, LUKS_PASSPHRASE);
  return [
    ["luks1", ...quick],
    ["luks2", ...quick, ...small],
  ].map(([type = "", ...options]) => {
    writeFileSync(raw, Buffer.alloc(2 * 1024 * 1024));
    run("cryptsetup", "luksFormat", "-q", "--type", type, ...options, "--key-file", key, raw);
    const disk = { name: type, bytes: readFileSync(raw) };
    return type === "luks2" ? { ...disk, seal: sealLuks2 } : disk;
  });
}

/** The first header's checksum. */
function sealLuks2(changed: Buffer): void {
  const size = 16 * 1024;
  if (changed.length < size) return;
  changed.fill(0, 448, 512);
  createHash("sha256").update(changed.subarray(0, size)).digest().copy(changed, 448);
}

/** A volume group of one disk, a file system in the pieces of its first volume. */
function buildVolumeGroup(files: Buffer = Buffer.alloc(0)): Buffer {
  const extents = Math.ceil(files.length / EXTENT);
  const half = Math.floor(extents / 2);
  const volumes = [
    { name: "root", segments: [linear(half, "pv0", 0), linear(extents - half, "pv0", half)] },
    { name: "swap", segments: [linear(1, "pv0", extents)] },
  ];
  const [disk = Buffer.alloc(0)] = buildPhysicalVolumes({ members: [extents + 1], volumes });
  files.copy(disk, PE_START);
  return disk;
}
