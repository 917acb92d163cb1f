import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type CpioEntry, writeCpio } from "./cpio.ts";
import type { Kernel } from "./kernel.ts";
import { moduleLoadOrder } from "./module-load-order.ts";
import { guestDirectory } from "./recipe.ts";

/** What a guest needs to reach its disk, its network and entropy; what is built in is left out. */
const defaultModules = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4"];

/** What ext4 asks the kernel for when it mounts; not a module of its own in each of Debian's flavours. */
const checksumModules = ["crc32c_generic"];

export interface InitramfsOptions {
  readonly kernel: Kernel;
  /** Path of a statically linked busybox. */
  readonly busybox: string;
  /** Modules to load, in this order; their dependencies come by themselves. */
  readonly modules?: readonly string[];
  /** Modules that `modprobe` finds on the disk of `root=`, as far as the kernel has them. */
  readonly diskModules?: readonly string[];
}

/** The lab's initramfs, compressed: goes on to `root=`, or is a small guest by itself without it. */
export async function makeInitramfs(options: InitramfsOptions): Promise<Buffer> {
  const { modulesDirectory: directory, release } = options.kernel;
  const dependencies = await readFile(path.join(directory, "modules.dep"), "utf8");
  const builtin = await readFile(path.join(directory, "modules.builtin"), "utf8");
  const order = [
    ...moduleLoadOrder(checksumModules, dependencies, builtin, "leave out"),
    ...moduleLoadOrder(options.modules ?? defaultModules, dependencies, builtin),
  ];
  const entries: CpioEntry[] = [
    { path: "bin/busybox", mode: 0o100755, content: await readFile(options.busybox) },
    { path: "modules", mode: 0o100644, content: Buffer.from(order.map((m) => `${m}\n`).join("")) },
    ...(await readTree(path.join(guestDirectory, "initramfs"), "")),
    ...(await readTree(path.join(guestDirectory, "files/usr/local/sbin"), "usr/local/sbin/")),
  ];
  for (const file of order) {
    const content = await readFile(path.join(directory, file));
    entries.push({ path: `lib/modules/${file}`, mode: 0o100644, content });
  }
  if (options.diskModules !== undefined) {
    const wanted = [...defaultModules, ...options.diskModules];
    const carried = moduleLoadOrder(wanted, dependencies, builtin, "leave out");
    for (const file of ["modules.builtin", ...carried]) {
      const content = await readFile(path.join(directory, file));
      entries.push({ path: `disk/lib/modules/${release}/${file}`, mode: 0o100644, content });
    }
  }
  return await promisify(gzip)(writeCpio(entries), { level: 1 });
}

async function readTree(from: string, to: string): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  for (const name of (await readdir(from)).sort()) {
    const file = path.join(from, name);
    const { mode } = await stat(file);
    if ((await stat(file)).isDirectory()) entries.push(...(await readTree(file, `${to}${name}/`)));
    else entries.push({ path: `${to}${name}`, mode, content: await readFile(file) });
  }
  return entries;
}
