import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parseKernelImage } from "@casemate/formats/kernel-image";
import { openMemoryImage } from "@casemate/host/open-memory-image";
import { attach } from "@casemate/inspect";
import { bootTestGuest, ensureImage, fetchKernel, type Kernel, labCacheDir } from "@casemate/lab";

let scratch: string;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-kernels-"));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** What Debian compresses its kernels with: xz, lz4 and zstd. */
const kernels = [
  { suite: "bullseye", flavour: "amd64" },
  { suite: "bookworm", flavour: "cloud-amd64" },
  { suite: "trixie", flavour: "cloud-amd64" },
] as const;

for (const { suite, flavour } of kernels) {
  test(`parseKernelImage: the ${flavour} kernel of ${suite} has what a guest that runs it has in RAM`, async () => {
    const cacheDir = labCacheDir;
    const { busybox, kernel: own } = await ensureImage({ cacheDir });
    const options = { suite, flavour, cacheDir, busybox };
    const kernel: Kernel = suite === "bookworm" ? own : await fetchKernel(options);
    const image = parseKernelImage(await readFile(kernel.vmlinuz));
    const dump = join(scratch, "memory.raw");
    {
      await using guest = await bootTestGuest({ cacheDir, kernel });
      await guest.dump(dump);
    }
    await using memory = await openMemoryImage(dump);
    const { facts } = attach(memory);
    assert.equal(facts.types, "own");
    assert.equal(facts.release, kernel.release);
    const ram = await readFile(dump);
    for (const { offset, bytes } of [image.btf, image.notes, image.banner]) {
      const at = facts.physicalBase + offset;
      assert.ok(ram.subarray(at, at + bytes.length).equals(bytes));
    }
  });
}
