import { createHash } from "node:crypto";
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { bootTestGuest, ensureImage, labCacheDir, type TestGuest } from "@casemate/lab";

/** Where the material of benchmarks is kept between runs. */
const benchCacheDir = "/var/cache/casemate/bench";
const PROCESSES = 200;
const MEMORY_MIB = 1024;
/** Sleepers, until there are as many processes as wanted. */
const PREPARE = `i=$(ls -d /proc/[0-9]* | wc -l); while [ $i -lt ${PROCESSES + 3} ]; do sleep 100000 & i=$((i+1)); done`;

/** A running guest of 200 processes and 1 GiB, and a raw dump of one like it. */
export interface BenchMaterial extends AsyncDisposable {
  readonly guest: TestGuest;
  /** Path of the dump: 1 GiB. */
  readonly dump: string;
}

/**
 * Boots the lab's Debian (build role) and fills it; the dump is taken once and kept, named for what the
 * guest is made of. Needs root, and on a new machine a few minutes and the network.
 */
export async function openBenchMaterial(): Promise<BenchMaterial> {
  const options = { cacheDir: labCacheDir, role: "build", memoryMiB: MEMORY_MIB } as const;
  const image = await ensureImage(options);
  const guest = await bootTestGuest(options);
  try {
    await guest.console.output(PREPARE);
    const key = createHash("sha256")
      .update(JSON.stringify([image.disk, image.kernel.release, options, PREPARE]))
      .digest("hex")
      .slice(0, 16);
    const dump = join(benchCacheDir, `${key}.raw`);
    if (!(await stat(dump).catch(() => undefined))) {
      await mkdir(benchCacheDir, { recursive: true, mode: 0o700 });
      await guest.dump(`${dump}.partial`);
      await rename(`${dump}.partial`, dump);
    }
    return { guest, dump, [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose]() };
  } catch (thrown) {
    await guest[Symbol.asyncDispose]();
    throw thrown;
  }
}
