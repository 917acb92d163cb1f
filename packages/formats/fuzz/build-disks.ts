import { execFileSync } from "node:child_process";
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
import { BytesReader } from "../src/disk/bytes-reader.ts";
import { buildKernelImage } from "../src/disk/fs/btrfs/kernel-image.fixture.ts";
import { makeSeal } from "../src/disk/fs/btrfs/seal-blocks.fixture.ts";
import { openXfs } from "../src/disk/fs/xfs/open-xfs.ts";
import { makeXfsSeal } from "../src/disk/fs/xfs/seal-metadata.fixture.ts";
import { makeXfs, XfsPatch } from "../src/disk/fs/xfs/xfs.fixture.ts";
import { buildGpt, buildMbr } from "../src/disk/partition/table.fixture.ts";
import { buildVolumes } from "./build-volumes.ts";

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
    const btrfs = buildKernelImage();
    disks.push({ name: "btrfs", bytes: btrfs, seal: makeSeal(btrfs) });
    disks.push(...buildXfs(scratch, tree));
    disks.push(
      ...buildVolumes(run, scratch, { file: join(tree, "large"), files: disks[0]?.bytes }),
    );
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
