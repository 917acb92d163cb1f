import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGpt, buildMbr } from "../src/disk/partition/table.fixture.ts";

/** A sound disk image to be changed. */
export interface SoundDisk {
  readonly name: string;
  readonly bytes: Buffer;
}

const EXT = ["-q", "-F", "-b", "1024", "-N", "128"];
/** Without checksums a change is not found out at once, and goes deeper. */
const FILE_SYSTEMS: readonly (readonly [name: string, options: readonly string[]])[] = [
  ["ext2", ["-t", "ext2", ...EXT]],
  ["ext4", ["-t", "ext4", ...EXT, "-O", "^metadata_csum,^has_journal"]],
  ["ext4 inline", ["-t", "ext4", ...EXT, "-O", "inline_data,^metadata_csum,^has_journal"]],
  ["ext4 checksums", ["-t", "ext4", ...EXT, "-O", "^has_journal"]],
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
    disks.push({ name: "gpt", bytes: buildGpt() });
    disks.push({ name: "mbr", bytes: buildMbr([{ type: 0x83, start: 2, sectors: 90 }], 400, 4) });
    return disks;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
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
