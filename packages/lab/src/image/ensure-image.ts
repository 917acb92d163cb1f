import { chmod, copyFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { contained } from "../contained.ts";
import { cachedDirectory } from "../content-cache.ts";
import type { OnProgress } from "../progress.ts";
import { runCommand } from "../run-command.ts";
import { verifyRoot } from "../verify-root.ts";
import { readDebianMirror, sourceLines } from "./apt-sources.ts";
import type { Kernel } from "./kernel.ts";
import { makeInitramfs } from "./make-initramfs.ts";
import { PackageProgress } from "./package-progress.ts";
import {
  debian12,
  guestDirectory,
  hashRecipe,
  type ImageRecipe,
  readGuestFiles,
} from "./recipe.ts";
import { readKernel, takeKernel } from "./take-kernel.ts";

/** A guest's disk with what boots it; never written to once built. */
export interface LabImage {
  readonly directory: string;
  /** Path of the qcow2 base: one ext4 file system, no partitions. */
  readonly disk: string;
  readonly kernel: Kernel;
  readonly initramfs: string;
  /** Path of the guest's statically linked busybox. */
  readonly busybox: string;
}

export interface ImageOptions {
  /** Where built things are kept between runs. */
  readonly cacheDir: string;
  readonly recipe?: ImageRecipe;
  readonly onProgress?: OnProgress;
}

/** Constant, so that equal contents make equal file systems. */
const fileSystemUuid = "5ca5e3a7-e000-4000-8000-0000000000ab";

/** The lab's image, built from Debian's packages if the cache does not hold it (about a minute). Needs root. */
export async function ensureImage(options: ImageOptions, signal?: AbortSignal): Promise<LabImage> {
  const { cacheDir, recipe = debian12 } = options;
  const directory = await cachedDirectory(
    path.join(cacheDir, "images"),
    hashRecipe(recipe, await readGuestFiles()),
    (partial) => buildImage(partial, options, signal),
    signal,
  );
  return { ...pathsIn(directory), kernel: await readKernel(directory) };
}

function pathsIn(directory: string) {
  return {
    directory,
    disk: path.join(directory, "base.qcow2"),
    initramfs: path.join(directory, "initramfs"),
    busybox: path.join(directory, "busybox"),
  };
}

async function buildImage(
  directory: string,
  options: ImageOptions,
  signal?: AbortSignal,
): Promise<void> {
  verifyRoot("build the lab's image");
  const { recipe = debian12, onProgress = () => {} } = options;
  const tree = path.join(directory, "tree");
  const raw = path.join(directory, "base.raw");
  const { disk, initramfs, busybox } = pathsIn(directory);

  await unpackDebian(tree, options, signal);
  await copyFile(path.join(tree, "bin/busybox"), busybox);

  onProgress({ step: "file system" });
  const extended = `hash_seed=${fileSystemUuid},lazy_itable_init=0,lazy_journal_init=0`;
  await runCommand(
    "mke2fs",
    [
      ...["-q", "-F", "-t", "ext4", "-L", "lab", "-U", fileSystemUuid, "-E", extended],
      ...["-N", "65536", "-m", "1", "-d", tree, raw, `${recipe.diskMiB}M`],
    ],
    {},
    signal,
  );
  onProgress({ step: "disk" });
  await runCommand("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, disk], {}, signal);
  await rm(raw);

  onProgress({ step: "initramfs" });
  const kernel = await takeKernel(tree, directory, busybox, signal);
  await writeFile(initramfs, await makeInitramfs({ kernel, busybox }));
  await rm(tree, { recursive: true });
  // QEMU reads them as a user of its own.
  for (const file of [disk, initramfs, kernel.vmlinuz]) await chmod(file, 0o644);
}

async function unpackDebian(
  tree: string,
  options: ImageOptions,
  signal?: AbortSignal,
): Promise<void> {
  const { recipe = debian12, onProgress = () => {} } = options;
  const mirror = await readDebianMirror(signal);
  const { file, args } = contained("mmdebstrap", [
    ...["--mode=root", "--format=directory", "--variant=minbase", "--verbose"],
    ...["--architectures=amd64", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"],
    ...['--aptopt=Apt::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"'],
    // Not by --dpkgopt: mmdebstrap would pass each archive through a filter ten times as slow as tar.
    `--setup-hook=upload "${path.join(guestDirectory, "dpkg.cfg")}" /etc/dpkg/dpkg.cfg.d/lab`,
    `--include=${recipe.packages.join(",")}`,
    `--customize-hook=${path.join(guestDirectory, "setup.sh")}`,
    ...[recipe.suite, tree],
    // Without a mirror of the host's own, mmdebstrap's default.
    ...(mirror === undefined ? [] : ["-"]),
  ]);
  const progress = new PackageProgress();
  await runCommand(
    file,
    args,
    {
      log: path.join(options.cacheDir, "image.log"),
      input: mirror === undefined ? "" : sourceLines(mirror, recipe.suite),
      onLine: (line) => {
        if (progress.see(line)) onProgress({ step: "packages", ...progress.state });
      },
    },
    signal,
  );
}
