import assert from "node:assert/strict";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { GiB, MiB } from "@casemate/core";
import { openMemoryImage } from "@casemate/host/open-memory-image";
import { liveBytes } from "./live-bytes.ts";

test("liveBytes: a guest's RAM that is mapped does not count, what is allocated does", async (t) => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-live-"));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  const ram = join(scratch, "ram.raw");
  await writeFile(ram, "");
  await truncate(ram, GiB);
  const before = liveBytes();
  await using memory = await openMemoryImage(ram);
  assert.equal(memory.window(0)?.byteLength, GiB);
  assert.ok(liveBytes() - before < 64 * MiB);
  const mapped = liveBytes();
  const own = Buffer.alloc(256 * MiB);
  assert.ok(liveBytes() - mapped > own.length / 2);
});
