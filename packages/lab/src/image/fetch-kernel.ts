import { rm } from "node:fs/promises";
import path from "node:path";
import { CasemateError } from "@casemate/core";
import { cachedDirectory } from "../content-cache.ts";
import type { OnProgress } from "../progress.ts";
import { runCommand } from "../run-command.ts";
import { archivesIn, makeAptRoot } from "./apt-root.ts";
import type { Kernel } from "./kernel.ts";
import { readKernel, takeKernel } from "./take-kernel.ts";

export interface KernelOptions {
  /**
   * Debian's name of a release: `bullseye` has 5.10, `bookworm` 6.1, `trixie` 6.12, `sid` a new one;
   * `experimental` is the newest that Debian has anywhere, which may be sid's.
   */
  readonly suite: string;
  readonly flavour: "cloud-amd64" | "amd64" | "rt-amd64";
  readonly cacheDir: string;
  /** A busybox that this host can run: `LabImage.busybox`. */
  readonly busybox: string;
  readonly onProgress?: OnProgress;
}

/**
 * A Debian kernel that `bootTestGuest` can boot, downloaded through an apt root of its own (the host's
 * apt learns nothing of it) and cached by suite and flavour.
 */
export async function fetchKernel(options: KernelOptions, signal?: AbortSignal): Promise<Kernel> {
  const { suite, flavour, cacheDir } = options;
  const directory = await cachedDirectory(
    path.join(cacheDir, "kernels"),
    `${suite}-${flavour}`,
    (partial) => unpackKernel(partial, options, signal),
    signal,
  );
  return readKernel(directory);
}

async function unpackKernel(
  directory: string,
  options: KernelOptions,
  signal?: AbortSignal,
): Promise<void> {
  const apt = path.join(directory, "apt");
  await downloadKernel(apt, options, signal);
  const tree = path.join(directory, "tree");
  for (const archive of await archivesIn(apt)) {
    await runCommand("dpkg-deb", ["--extract", archive, tree], {}, signal);
  }
  await takeKernel(tree, directory, options.busybox, signal);
  for (const scratch of [apt, tree]) await rm(scratch, { recursive: true });
}

/** Downloads the suite's newest kernel that is there into `apt`. Throws `lab/build-failed`. */
async function downloadKernel(
  apt: string,
  options: KernelOptions,
  signal?: AbortSignal,
): Promise<void> {
  const { suite, flavour, onProgress = () => {} } = options;
  const step = `kernel of ${suite}`;
  const settings = await makeAptRoot(apt, suite, signal);
  const run = (file: string, ...args: string[]) =>
    runCommand(file, [...settings, ...args], { cwd: apt }, signal);

  onProgress({ step, detail: "package lists" });
  await run("apt-get", "update", "-q");
  const meta = `linux-image-${flavour}`;
  // All versions of it that the suite knows, the newest first.
  const known = await run("apt-cache", "show", meta);
  const depends = known.matchAll(/^Depends:.*?\b(linux-image-\d[^\s,]*)/gm);
  const names = [...depends].map(([, name]) => name);
  let failure: unknown;
  for (const name of names) {
    if (name === undefined) continue;
    onProgress({ step, detail: name });
    // Since Debian 14 the image and the modules are packages of their own.
    const needs = await run("apt-cache", "depends", "--important", name);
    const parts = [...needs.matchAll(/^ +Depends: (linux-(?:base|binary|modules)-\S+)$/gm)];
    try {
      await run("apt-get", "download", "-q", name, ...parts.map((match) => match[1] ?? ""));
      return;
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      // An archive may have removed what its lists still name; it keeps the release's first kernels.
      failure = cause;
      for (const file of await archivesIn(apt)) await rm(file);
    }
  }
  throw new CasemateError(
    "lab/build-failed",
    `Cannot fetch the kernel of ${suite}: ${meta} names ${names.length} there and none came, expected one.`,
    { cause: failure },
  );
}
