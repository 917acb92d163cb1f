import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MiB, type PhysicalMemory } from "@casemate/core";
import { startTestQemu, type TestQemu } from "../qemu.fixture.ts";

/** RAM compared at once. */
const STEP = 16 * MiB;
/** Bytes of a pattern: some that compress, some that do not, and a page that is not whole. */
const PATTERN_BYTES = 64 * 4096 + 777;

/** A guest that never ran, with patterns at `addresses` and `machine`'s firmware and no more. */
export async function startPatternGuest(
  directory: string,
  machine: string,
  size: string,
  addresses: readonly number[],
): Promise<TestQemu> {
  const devices: string[] = [];
  for (const address of addresses) {
    const file = join(directory, `pattern-${address}`);
    const bytes = randomBytes(PATTERN_BYTES);
    for (let at = 0; at < bytes.length; at += 3 * 4096) {
      bytes.fill(address / 4096, at, Math.min(at + 8000, bytes.length));
    }
    await writeFile(file, bytes);
    devices.push("-device", `loader,file=${file},addr=${address},force-raw=on`);
  }
  return startTestQemu(["-machine", machine, "-m", size, ...devices]);
}

/** The boot sector of a guest that adds one to each word from 128 to 192 KiB, over and over. */
export const busyBootSector: Buffer = Buffer.alloc(65_536);
busyBootSector.set([
  ...[0xb8, 0x00, 0x20], // mov ax, 0x2000
  ...[0x8e, 0xc0], // mov es, ax
  ...[0x31, 0xff], // xor di, di
  ...[0x26, 0xff, 0x05], // again: inc word [es:di]
  ...[0x83, 0xc7, 0x02], // add di, 2
  ...[0xeb, 0xf8], // jmp again
]);
busyBootSector.set([0x55, 0xaa], 510);

/** How tests ask a guest's QEMU for the true bytes of its physical memory. */
export type SaveMemory = (address: number, size: number, filename: string) => Promise<unknown>;

export const saveMemoryOf =
  (qemu: TestQemu): SaveMemory =>
  (val, size, filename) =>
    qemu.qmp({ execute: "pmemsave", arguments: { val, size, filename } });

/** Asserts that `memory` has every byte of `[start, end)` as QEMU itself saves them. */
export async function assertAsQemuSays(
  memory: PhysicalMemory,
  save: SaveMemory,
  directory: string,
  start: number,
  end: number,
): Promise<void> {
  const filename = join(directory, "pmemsave");
  const window = 2 ** memory.windowShift;
  for (let from = start; from < end; from += STEP) {
    const length = Math.min(STEP, end - from);
    await save(from, length, filename);
    const expected = await readFile(filename);
    await rm(filename);
    assert.equal(expected.length, length);
    const seen = Buffer.alloc(length);
    for (let at = from; at < from + length; ) {
      const view = memory.window(Math.floor(at / window));
      const skip = at % window;
      const count = Math.min(window - skip, from + length - at);
      assert.ok(view !== undefined && view.byteLength >= skip + count, `no RAM at ${at}`);
      seen.set(new Uint8Array(view.buffer, view.byteOffset + skip, count), at - from);
      at += count;
    }
    if (!seen.equals(expected)) {
      const wrong = seen.findIndex((byte, i) => byte !== expected[i]);
      assert.fail(`0x${(from + wrong).toString(16)} is not what QEMU says`);
    }
  }
}

/** Saves a guest as a migration stream in a file; the guest is stopped when this is done. */
export async function migrateToFile(qemu: TestQemu, path: string): Promise<void> {
  await qemu.qmp({ execute: "migrate", arguments: { uri: `exec:cat > ${path}` } });
  for (;;) {
    const { status } = Object(await qemu.qmp({ execute: "query-migrate" }));
    if (status === "completed") return;
    if (status === "failed") throw new Error("the migration failed");
    await sleep(50);
  }
}
