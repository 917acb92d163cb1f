import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, open, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { GiB, MiB } from "@casemate/core";
import type { TestQemu } from "../qemu.fixture.ts";
import { assertAsQemuSays, saveMemoryOf, startPatternGuest } from "./image-guest.fixture.ts";
import { openKdump } from "./open-kdump.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-kdump-"));
});
after(() => rm(directory, { recursive: true, force: true }));

/** Dumps the guest in each kdump format this QEMU was built with. */
async function dumpAll(qemu: TestQemu): Promise<readonly string[]> {
  const answer = await qemu.qmp({ execute: "query-dump-guest-memory-capability" });
  const formats: readonly string[] = Object(answer).formats;
  const paths: string[] = [];
  for (const format of formats.filter((name) => name.startsWith("kdump-"))) {
    const path = join(directory, format);
    const protocol = `file:${path}`;
    await qemu.qmp({
      execute: "dump-guest-memory",
      arguments: { paging: false, protocol, format },
    });
    paths.push(path);
  }
  assert.ok(paths.length > 0);
  return paths;
}

/** The dump in its ordinary form, as `makedumpfile -R` makes it of a flattened one. */
async function rearrange(path: string): Promise<string> {
  const flat = await readFile(path);
  const rearranged = `${path}-rearranged`;
  await using file = await open(rearranged, "w");
  for (let at = 4096; ; ) {
    const offset = flat.readBigInt64BE(at);
    const length = Number(flat.readBigInt64BE(at + 8));
    if (offset === -1n) return rearranged;
    await file.write(flat, at + 16, length, Number(offset));
    at += 16 + length;
  }
}

for (const { machine, size } of [
  { machine: "q35", size: 64 },
  { machine: "pc", size: 256 },
]) {
  test(`openKdump: all RAM of a ${machine} with ${size} MiB, in every format and form`, async () => {
    const addresses = [1 * MiB, 20 * MiB + 4096, size * MiB - 1 * MiB];
    await using qemu = await startPatternGuest(directory, machine, `${size}M`, addresses);
    for (const flattened of await dumpAll(qemu)) {
      for (const path of [flattened, await rearrange(flattened)]) {
        await using memory = await openKdump(openSync(path, "r"), path);
        assert.equal(memory.live, false);
        assert.equal(memory.window((8 * GiB) / 2 ** memory.windowShift), undefined);
        const ram = memory.ranges.filter(({ start }) => start < size * MiB);
        assert.equal(ram.at(-1)?.end, size * MiB);
        const legacy = ram.reduce((sum, { start, end }) => sum + end - start, 0);
        assert.ok(size * MiB - legacy <= 384 * 1024, "all but the firmware's legacy area");
        for (const { start, end } of ram) {
          await assertAsQemuSays(memory, saveMemoryOf(qemu), directory, start, end);
        }
      }
    }
  });
}

test("openKdump: RAM above 4 GiB, around both ends of the hole", async () => {
  const addresses = [2 * GiB - 1 * MiB, 4 * GiB, 7 * GiB - 1 * MiB];
  await using qemu = await startPatternGuest(directory, "q35", "5G", addresses);
  for (const path of await dumpAll(qemu)) {
    await using memory = await openKdump(openSync(path, "r"), path);
    assert.equal(memory.ranges.at(-1)?.end, 7 * GiB);
    assert.equal(memory.window((3 * GiB) / 2 ** memory.windowShift), undefined);
    for (const at of addresses) {
      await assertAsQemuSays(memory, saveMemoryOf(qemu), directory, at, at + 1 * MiB);
    }
  }
});

test("openKdump: a dump cut short is truncated when it is opened", async () => {
  await using qemu = await startPatternGuest(directory, "q35", "64M", [1 * MiB]);
  for (const flattened of await dumpAll(qemu)) {
    for (const path of [flattened, await rearrange(flattened)]) {
      const { size } = await stat(path);
      for (const length of [size - 20, Math.floor(size / 2), 4096, 20]) {
        await truncate(path, length);
        const fd = openSync(path, "r");
        await assert.rejects(openKdump(fd, path), { code: "dump/truncated" });
        closeSync(fd);
      }
    }
  }
});
