import { createHash } from "node:crypto";
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { bootTestGuest, ensureImage, fetchKernel, labCacheDir } from "@casemate/lab";
import { diskModules } from "../test/truth/disk-modules.ts";
import { prepareTruths } from "../test/truth/prepare-truths.ts";
import { allTruths } from "../test/truth/truths.ts";

/** Where dumps are kept between runs. */
const fuzzCacheDir = "/var/cache/casemate/fuzz";
const MEMORY_MIB = 512;

export interface FuzzGuest {
  /** The Debian release whose kernel it runs. */
  readonly suite: "bullseye" | "bookworm" | "trixie" | "sid";
  /** QEMU's `-cpu`: with and without five-level paging. */
  readonly cpu: string;
}

/**
 * The path of a raw dump of a guest in which there is something of everything that views show. It is taken once
 * on a machine and kept. Needs root, and on a new machine a few minutes and the network.
 */
export async function ensureFuzzDump({ suite, cpu }: FuzzGuest): Promise<string> {
  const cacheDir = labCacheDir;
  const image = await ensureImage({ cacheDir });
  const kernel = await fetchKernel({
    suite,
    flavour: "cloud-amd64",
    cacheDir,
    busybox: image.busybox,
  });
  const prepared = allTruths.map(({ prepare }) => prepare?.toString());
  const made = [image.disk, kernel.release, cpu, MEMORY_MIB, diskModules, prepared];
  const key = createHash("sha256").update(JSON.stringify(made)).digest("hex").slice(0, 16);
  const dump = join(fuzzCacheDir, `${suite}-${key}.raw`);
  if ((await stat(dump).catch(() => undefined)) !== undefined) return dump;
  await mkdir(fuzzCacheDir, { recursive: true, mode: 0o700 });
  const options = { cacheDir, kernel, cpu, role: "build", memoryMiB: MEMORY_MIB } as const;
  await using guest = await bootTestGuest({ ...options, diskModules });
  await prepareTruths((command) => guest.console.run(command), allTruths);
  await guest.dump(`${dump}.partial`);
  await rename(`${dump}.partial`, dump);
  return dump;
}
