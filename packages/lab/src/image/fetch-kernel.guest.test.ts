import assert from "node:assert/strict";
import { test } from "node:test";
import { bootTestGuest } from "../boot-test-guest.ts";
import { labCacheDir } from "../lab-cache-dir.ts";
import { ensureImage } from "./ensure-image.ts";
import { fetchKernel } from "./fetch-kernel.ts";

test("fetchKernel: Debian 13's kernel boots, with its compressed modules", async () => {
  const signal = AbortSignal.timeout(240_000);
  const { busybox } = await ensureImage({ cacheDir: labCacheDir }, signal);
  const wanted = {
    suite: "trixie",
    flavour: "cloud-amd64",
    cacheDir: labCacheDir,
    busybox,
  } as const;
  const kernel = await fetchKernel(wanted, signal);
  assert.match(kernel.release, /^6\.12\..*-cloud-amd64$/);
  await using guest = await bootTestGuest({ cacheDir: labCacheDir, kernel }, signal);
  assert.equal((await guest.console.output("uname -r", signal)).trim(), kernel.release);
  assert.match(await guest.console.output("lsmod", signal), /^virtio_blk /m);
});
