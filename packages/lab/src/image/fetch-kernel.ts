import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { CasemateError } from "@casemate/core";
import { cachedDirectory } from "../content-cache.ts";
import type { OnProgress } from "../progress.ts";
import { runCommand } from "../run-command.ts";
import { readDebianMirror, sourceLines } from "./apt-sources.ts";
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

/** Paths of the packages that `apt-get download` left in a directory. */
async function archivesIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".deb"));
  return names.map((name) => path.join(directory, name));
}

/** An apt root with nothing installed and one suite; returns the options that make apt use it. */
async function makeAptRoot(apt: string, suite: string, signal?: AbortSignal): Promise<string[]> {
  const mirror = await readDebianMirror(signal);
  if (mirror === undefined) {
    throw new CasemateError(
      "system/missing",
      `Cannot fetch the kernel of ${suite}: this host's apt has no Debian source, expected one.`,
      { next: "Add Debian's main and security archives to the host's apt sources." },
    );
  }
  for (const place of ["lists/partial", "archives/partial"]) {
    await mkdir(path.join(apt, place), { recursive: true });
  }
  // Debian 11 is signed by keys that older keyrings hold under this same name.
  const keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
  const lines = sourceLines(mirror, suite).replaceAll(/^deb /gm, `deb ${keyring} `);
  await writeFile(path.join(apt, "sources.list"), lines);
  await writeFile(path.join(apt, "status"), "");
  // Apt would not choose what is newer in experimental unless told to (apt_preferences(5)).
  const pin = "Package: *\nPin: release a=experimental\nPin-Priority: 500\n";
  await writeFile(path.join(apt, "preferences"), pin);
  const settings = {
    "Dir::State::lists": path.join(apt, "lists"),
    "Dir::State::status": path.join(apt, "status"),
    "Dir::Cache": apt,
    "Dir::Etc::SourceList": path.join(apt, "sources.list"),
    "Dir::Etc::SourceParts": "-",
    "Dir::Etc::Preferences": path.join(apt, "preferences"),
    "Dir::Etc::PreferencesParts": "-",
    "APT::Architecture": "amd64",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}
