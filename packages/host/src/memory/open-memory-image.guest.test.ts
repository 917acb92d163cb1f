import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { GiB, MiB, type PhysicalMemory } from "@casemate/core";
import { openMemoryImage } from "./open-memory-image.ts";
import { openVmMemory } from "./open-vm-memory.ts";
import { startTestQemu, type TestQemu } from "./qemu.fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "casemate-dump-"));
after(() => rmSync(directory, { recursive: true }));

/** A guest of 128 MiB, half of it above 4 GiB, with bytes that do not compress in both halves. */
async function startGuest(): Promise<TestQemu> {
  const pattern = join(directory, "pattern");
  writeFileSync(pattern, randomBytes(2 * MiB + 777));
  const load = (address: string) => [
    "-device",
    `loader,file=${pattern},addr=${address},force-raw=on`,
  ];
  const machine = ["-machine", "q35,max-ram-below-4g=64M", "-m", "128M"];
  return startTestQemu([...machine, ...load("0x1000000"), ...load("0x100000000")]);
}

/** All bytes of `[start, start + length)`, window by window. */
function readAll(memory: PhysicalMemory, start: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const size = 2 ** memory.windowShift;
  for (let at = start; at < start + length; ) {
    const window = memory.window(Math.floor(at / size));
    const count = Math.min(size - (at % size), start + length - at);
    assert.ok(window !== undefined && window.byteLength >= (at % size) + count);
    bytes.set(new Uint8Array(window.buffer, window.byteOffset + (at % size), count), at - start);
    at += count;
  }
  return bytes;
}

for (const format of ["elf", "kdump-zlib"] as const) {
  test(`openMemoryImage: QEMU's own ${format} dump equals the guest's memory`, async () => {
    const path = join(directory, format);
    await using qemu = await startGuest();
    await using live = await openVmMemory({ pid: qemu.pid, description: "test", monitor: qemu });
    await qemu.qmp({
      execute: "dump-guest-memory",
      arguments: { paging: false, protocol: `file:${path}`, format },
    });
    {
      await using dump = await openMemoryImage(path);
      for (const { start, end } of live.ranges) {
        assert.ok(dump.ranges.some((range) => range.start <= start && range.end >= end));
      }
      for (const at of [0, 1 * MiB, 16 * MiB, 60 * MiB, 4 * GiB, 4 * GiB + 60 * MiB]) {
        const length = at === 0 ? 640 * 1024 : 4 * MiB;
        assert.ok(readAll(dump, at, length).equals(readAll(live, at, length)), `at ${at}`);
      }
      assert.equal(dump.window(Math.floor((1 * GiB) / 2 ** dump.windowShift)), undefined);
    }
    truncateSync(path, statSync(path).size - 8192);
    await assert.rejects(openMemoryImage(path), { code: "dump/truncated" });
    rmSync(path);
  });
}
