import { mkdir, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import path from "node:path";
import { CasemateError } from "@casemate/core";
import { runCommand } from "../run-command.ts";
import type { Kernel } from "./kernel.ts";

/** Drivers of a kernel, by its own directories, that guests may want. */
const guestDrivers = "acpi block char dax input md net nvdimm vhost virtio".split(" ");

/**
 * Moves the kernel and its modules out of an unpacked tree into `directory`.
 *
 * @param busybox path of a busybox that this host can run; it writes `modules.dep` where the tree has
 * none because nothing was configured in it.
 */
export async function takeKernel(
  tree: string,
  directory: string,
  busybox: string,
  signal?: AbortSignal,
): Promise<Kernel> {
  // The modules are in lib/ up to Debian 12; the image is in boot/ up to Debian 13.
  const modules = await firstThere([
    path.join(tree, "usr/lib/modules"),
    path.join(tree, "lib/modules"),
  ]);
  const release = (await readdir(modules)).at(0) ?? "";
  const vmlinuz = await firstThere([
    path.join(tree, "boot", `vmlinuz-${release}`),
    path.join(modules, release, "vmlinuz"),
  ]);
  await mkdir(path.join(directory, "lib/modules"), { recursive: true });
  const kernel = kernelIn(directory, release);
  await rename(vmlinuz, kernel.vmlinuz);
  await rename(path.join(modules, release), kernel.modulesDirectory);
  if (!(await exists(path.join(kernel.modulesDirectory, "modules.dep")))) {
    await leaveHardwareOut(path.join(kernel.modulesDirectory, "kernel"));
    await writeDependencies(directory, release, busybox, signal);
  }
  return kernel;
}

/** Removes the modules for hardware that no guest has: nearly all of them, and each has to be expanded and read. */
async function leaveHardwareOut(modules: string): Promise<void> {
  const drivers = path.join(modules, "drivers");
  const names = await readdir(drivers).catch(() => []);
  const unused = names.filter((name) => !guestDrivers.includes(name));
  const places = [
    "sound",
    ...[...unused, "net/ethernet", "net/wireless"].map((it) => `drivers/${it}`),
  ];
  for (const place of places) await rm(path.join(modules, place), { recursive: true, force: true });
}

async function writeDependencies(
  directory: string,
  release: string,
  busybox: string,
  signal?: AbortSignal,
): Promise<void> {
  // Of a release without three numbers (`7.3-cloud-amd64`) busybox takes this host's instead.
  const alias = path.join(directory, "lib/modules/0.0.0");
  await symlink(release, alias);
  await runCommand(busybox, ["depmod", "-b", directory, "0.0.0"], {}, signal);
  await rm(alias);
}

/** The kernel that `takeKernel` put into `directory`. */
export async function readKernel(directory: string): Promise<Kernel> {
  const [release] = await readdir(path.join(directory, "lib/modules"));
  if (release === undefined) {
    throw new CasemateError(
      "lab/build-failed",
      `Cannot find a kernel in ${directory}: no modules are there, expected one release.`,
      { next: `Remove ${directory} and run the command again.` },
    );
  }
  return kernelIn(directory, release);
}

function kernelIn(directory: string, release: string): Kernel {
  return {
    release,
    vmlinuz: path.join(directory, "vmlinuz"),
    modulesDirectory: path.join(directory, "lib/modules", release),
  };
}

async function firstThere(paths: readonly string[]): Promise<string> {
  for (const candidate of paths) if (await exists(candidate)) return candidate;
  throw new CasemateError(
    "lab/build-failed",
    `Cannot take the kernel out of its package: ${paths.join(" and ")} are not there, expected one.`,
  );
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
