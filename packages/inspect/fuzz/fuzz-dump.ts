import { createHash } from "node:crypto";
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  bootTestGuest,
  ensureImage,
  fetchKernel,
  labCacheDir,
  type TestGuest,
} from "@casemate/lab";
import { diskModules } from "../test/truth/disk-modules.ts";
import { prepareTruths } from "../test/truth/prepare-truths.ts";
import { allTruths } from "../test/truth/truths.ts";

/** Where dumps are kept between runs. */
const fuzzCacheDir = "/var/cache/casemate/fuzz";

export interface FuzzGuest {
  /** The Debian release whose kernel it runs, of the flavour for clouds. */
  readonly suite: "bullseye" | "bookworm" | "trixie" | "sid";
  /** QEMU's `-cpu`: with and without five-level paging. */
  readonly cpu: string;
}

/** Lists of VMAs, tasks and modules changed most between these two. */
export const fuzzGuests: readonly FuzzGuest[] = [
  { suite: "bullseye", cpu: "max,cx16=off" },
  { suite: "sid", cpu: "max,la57=off,cx16=off" },
];

/** What such a guest is started with besides. */
export const fuzzGuestOptions = {
  flavour: "cloud-amd64",
  role: "web",
  memoryMiB: 384,
  diskModules,
} as const;

/**
 * The path of a raw dump of a guest in which there is something of everything that views show. It is taken once
 * on a machine and kept. Needs root, and on a new machine a few minutes and the network.
 */
export async function ensureFuzzDump({ suite, cpu }: FuzzGuest): Promise<string> {
  const cacheDir = labCacheDir;
  const { flavour } = fuzzGuestOptions;
  const { busybox } = await ensureImage({ cacheDir });
  const kernel = await fetchKernel({ suite, flavour, cacheDir, busybox });
  const dump = await pathOf({ suite, cpu }, kernel.release);
  if (await exists(dump)) return dump;
  await using guest = await bootTestGuest({ ...fuzzGuestOptions, cacheDir, kernel, cpu });
  await prepareTruths((command) => guest.console.run(command), allTruths);
  return await keepFuzzDump({ suite, cpu }, guest);
}

/** Keeps a dump of a guest that was started for something else in the same way, and prepared for `allTruths`. */
export async function keepFuzzDump(kind: FuzzGuest, guest: TestGuest): Promise<string> {
  const dump = await pathOf(kind, guest.kernel.release);
  if (await exists(dump)) return dump;
  await mkdir(fuzzCacheDir, { recursive: true, mode: 0o700 });
  const partial = `${dump}.${process.pid}.partial`;
  await guest.dump(partial);
  await rename(partial, dump);
  return dump;
}

async function pathOf({ suite, cpu }: FuzzGuest, release: string): Promise<string> {
  const { disk } = await ensureImage({ cacheDir: labCacheDir });
  const prepared = allTruths.map(({ prepare }) => prepare?.toString());
  const made = [disk, release, cpu, fuzzGuestOptions, prepared];
  const key = createHash("sha256").update(JSON.stringify(made)).digest("hex").slice(0, 16);
  return join(fuzzCacheDir, `${suite}-${key}.raw`);
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
