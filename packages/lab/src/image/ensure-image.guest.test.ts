import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { labCacheDir } from "../lab-cache-dir.ts";
import { runCommand } from "../run-command.ts";
import { ensureImage } from "./ensure-image.ts";

test("ensureImage: a whole qcow2 with a kernel, taken from the cache the second time", async () => {
  const image = await ensureImage({ cacheDir: labCacheDir });
  await runCommand("qemu-img", ["check", "-q", image.disk]);
  assert.match(image.kernel.release, /^6\.1\.0-\d+-cloud-amd64$/);
  assert.ok((await stat(image.kernel.vmlinuz)).size > 5e6);
  assert.ok((await stat(image.initramfs)).size > 5e5);

  const steps: string[] = [];
  const onProgress = ({ step }: { step: string }) => steps.push(step);
  assert.deepEqual(await ensureImage({ cacheDir: labCacheDir, onProgress }), image);
  assert.deepEqual(steps, []);
});

test("ensureImage: cancelled in the middle, it leaves nothing behind", async (t) => {
  const cacheDir = await mkdtemp(path.join(tmpdir(), "casemate-image-"));
  t.after(() => rm(cacheDir, { recursive: true, force: true }));
  const stop = new AbortController();
  const onProgress = ({ total }: { total?: number }) => {
    if (total !== undefined && total > 10) stop.abort(); // apt has planned: packages are on their way.
  };
  await assert.rejects(ensureImage({ cacheDir, onProgress }, stop.signal), { code: "cancelled" });
  assert.deepEqual(await readdir(path.join(cacheDir, "images")), []);
  assert.ok(!(await runCommand("cat", ["/proc/self/mounts"])).includes(cacheDir));
});
