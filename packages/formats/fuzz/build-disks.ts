import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32c } from "../src/crc32c.ts";
import { BytesReader } from "../src/disk/bytes-reader.ts";
import { buildKernelImage } from "../src/disk/fs/btrfs/kernel-image.fixture.ts";
import { makeSeal } from "../src/disk/fs/btrfs/seal-blocks.fixture.ts";
import { openXfs } from "../src/disk/fs/xfs/open-xfs.ts";
import { makeXfsSeal } from "../src/disk/fs/xfs/seal-metadata.fixture.ts";
import { makeXfs, XfsPatch } from "../src/disk/fs/xfs/xfs.fixture.ts";
import {
  buildPhysicalVolumes,
  EXTENT,
  linear,
  PE_START,
  sealVolumeGroup,
} from "../src/disk/lvm/volume-group.fixture.ts";
import { buildGpt, buildMbr } from "../src/disk/partition/table.fixture.ts";

/** A sound disk image to be changed. */
export interface SoundDisk {
  readonly name: string;
  readonly bytes: Buffer;
  /** Gives a changed copy its checksums again, where without them nothing would be looked at. */
  readonly seal?: (changed: Buffer) => void;
}

const EXT = ["-q", "-F", "-b", "1024", "-N", "128"];
/** Without checksums a change is not found out at once, and goes deeper. */
const FILE_SYSTEMS: readonly (readonly [name: string, options: readonly string[]])[] = [
  ["ext2", ["-t", "ext2", ...EXT]],
  ["ext4", ["-t", "ext4", ...EXT, "-O", "^metadata_csum,^has_journal"]],
  ["ext4 inline", ["-t", "ext4", ...EXT, "-O", "inline_data,^metadata_csum,^has_journal"]],
  ["ext4 checksums", ["-t", "ext4", ...EXT, "-O", "^has_journal"]],
];
const SQUASHFS: readonly (readonly [name: string, options: readonly string[]])[] = [
  // Metadata that are not compressed are what changes go through to.
  ["squashfs", ["-comp", "gzip", "-noI", "-b", "4K"]],
  ["squashfs xz", ["-comp", "xz"]],
  ["squashfs lz4", ["-comp", "lz4"]],
  ["squashfs lzo", ["-comp", "lzo", "-noI"]],
  ["squashfs zstd", ["-comp", "zstd"]],
];
const IMAGES: readonly (readonly [name: string, options: readonly string[]])[] = [
  ["qcow2", ["-o", "cluster_size=4k"]],
  ["qcow2 zlib", ["-c", "-o", "cluster_size=4k"]],
  [
    "qcow2 zstd, extended L2",
    ["-c", "-o", "compression_type=zstd,extended_l2=on,cluster_size=16k"],
  ],
  ["qcow2 extended L2", ["-o", "extended_l2=on,cluster_size=16k"]],
];

/** Disks of 1 MiB of each kind that is read here, made by the tools that others make them with. */
export function buildDisks(): readonly SoundDisk[] {
  const scratch = mkdtempSync(join(tmpdir(), "casemate-fuzz-"));
  const run = (file: string, ...args: readonly string[]) =>
    execFileSync(file, args, {
      stdio: "pipe",
      env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
    });
  try {
    const tree = makeTree(join(scratch, "tree"));
    const disks: SoundDisk[] = [];
    const raw = join(scratch, "disk.raw");
    const image = join(scratch, "disk.qcow2");
    for (const [name, options] of FILE_SYSTEMS) {
      rmSync(raw, { force: true });
      run("mke2fs", ...options, "-d", tree, raw, "1M");
      disks.push({ name, bytes: readFileSync(raw) });
    }
    for (const [name, options] of IMAGES) {
      run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", ...options, raw, image);
      if (name === "qcow2") run("qemu-img", "snapshot", "-c", "before", image);
      disks.push({ name, bytes: readFileSync(image) });
    }
    for (const [name, options] of SQUASHFS) {
      rmSync(raw, { force: true });
      run("mksquashfs", tree, raw, "-quiet", "-no-progress", ...options);
      disks.push({ name, bytes: readFileSync(raw) });
    }
    disks.push({ name: "ext4 journal", bytes: buildJournal(run, raw, tree) });
    disks.push(...buildFats(run, raw, join(tree, "large")));
    disks.push({ name: "lvm2", bytes: buildVolumeGroup(disks[0]?.bytes), seal: sealVolumeGroup });
    disks.push(buildThinPool(run, scratch));
    const btrfs = buildKernelImage();
    disks.push({ name: "btrfs", bytes: btrfs, seal: makeSeal(btrfs) });
    disks.push(...buildXfs(scratch, tree));
    disks.push(...buildLuks(run, raw));
    disks.push({ name: "gpt", bytes: buildGpt() });
    disks.push({ name: "mbr", bytes: buildMbr([{ type: 0x83, start: 2, sectors: 90 }], 400, 4) });
    return disks;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A file system with three transactions in its journal: what is in its places too, and blocks of no file. */
function buildJournal(
  run: (file: string, ...args: readonly string[]) => void,
  raw: string,
  tree: string,
): Buffer {
  rmSync(raw, { force: true });
  const options = ["-t", "ext4", ...EXT, "-J", "size=1", "-O", "^metadata_csum"];
  run("mke2fs", ...options, "-d", tree, raw, "3M");
  const blocks = Array.from({ length: 400 }, (_, at) => at + 2);
  const contents = `${raw}.blocks`;
  writeFileSync(contents, readFileSync(raw).subarray(2 * 1024, 402 * 1024));
  const commands = `${raw}.commands`;
  const write = `jw -b ${blocks.join(",")} ${contents}`;
  writeFileSync(commands, `jo\n${write}\njw -r 2990,2991\n${write}\njc\n`);
  run("debugfs", "-w", "-f", commands, raw);
  return readFileSync(raw);
}

/** FAT of each width, with files whose clusters and names are several. */
function buildFats(
  run: (file: string, ...args: readonly string[]) => void,
  raw: string,
  file: string,
): readonly SoundDisk[] {
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

/** XFS of both versions, a file in pieces, up to the last block that is not zeros. */
function buildXfs(scratch: string, tree: string): readonly SoundDisk[] {
  const log = join(scratch, "xfs.log");
  const image = join(scratch, "xfs.raw");
  writeFileSync(log, "");
  truncateSync(log, 16 * 1024 * 1024);
  const v4 = ["-m", "crc=0", "-b", "size=512", "-i", "size=256"];
  const v5 = ["-b", "size=1024", "-m", "rmapbt=0", "-l", `logdev=${log},size=16m`];
  return [
    { name: "xfs version 4", options: v4 },
    { name: "xfs version 5", options: v5 },
  ].map(({ name, options }) => {
    rmSync(image, { force: true });
    const whole = readFileSync(makeXfs(image, tree, options));
    const patch = new XfsPatch(whole);
    patch.breakUp(openXfs(new BytesReader(whole)).stat("/large").inode, 4);
    const { blockSize, isV5 } = patch.superblock;
    let end = whole.length;
    while (whole.subarray(end - blockSize, end).every((byte) => byte === 0)) end -= blockSize;
    const bytes = Buffer.from(whole.subarray(0, end));
    return isV5 ? { name, bytes, seal: makeXfsSeal(bytes) } : { name, bytes };
  });
}

/** A thin volume and a snapshot of a linear one; the metadata of the pool are a block of each kind. */
function buildThinPool(
  run: (file: string, ...args: readonly string[]) => void,
  scratch: string,
): SoundDisk {
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
function buildLuks(
  run: (file: string, ...args: readonly string[]) => void,
  raw: string,
): readonly SoundDisk[] {
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

function makeTree(tree: string): string {
  mkdirSync(join(tree, "many"), { recursive: true });
  for (let i = 0; i < 60; i += 1)
    writeFileSync(join(tree, "many", `a-longer-name-of-file-${i}`), `${i}`);
  writeFileSync(join(tree, "large"), Buffer.alloc(300_000, "casemate"));
  writeFileSync(join(tree, "small"), "x".repeat(120));
  symlinkSync("many", join(tree, "fast"));
  symlinkSync("./".repeat(60), join(tree, "slow"));
  symlinkSync("loop", join(tree, "loop"));
  return tree;
}
