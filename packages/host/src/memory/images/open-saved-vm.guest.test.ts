import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { GiB, MiB } from "@casemate/core";
import { PrivateLibvirtd } from "../../../test/private-libvirtd.ts";
import { startTestQemu, type TestQemu } from "../qemu.fixture.ts";
import { parseRamRuns } from "../qemu-layout.ts";
import {
  assertAsQemuSays,
  busyBootSector,
  migrateToFile,
  saveMemoryOf,
  startPatternGuest,
} from "./image-guest.fixture.ts";
import { openKdump } from "./open-kdump.ts";
import { openSavedVm } from "./open-saved-vm.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-saved-"));
  await writeFile(join(directory, "disk"), busyBootSector);
});
after(() => rm(directory, { recursive: true, force: true }));

const run = promisify(execFile);

/** The first MiB but its legacy area, where QEMU's view is not RAM, and all above. */
const ramBelow = (end: number) =>
  [
    [0, 640 * 1024],
    [1 * MiB, end],
  ] as const;

/** Where the last byte of RAM is below and above 4 GiB, as QEMU says. */
async function endsOf(qemu: TestQemu): Promise<readonly number[]> {
  const runs = parseRamRuns(await qemu.hmp("info mtree -f"), new Set(["pc.ram"]));
  return [runs.findLast(({ end }) => end <= 4 * GiB)?.end ?? 0, runs.at(-1)?.end ?? 0];
}

for (const { machine, sizes } of [
  { machine: "q35", sizes: [2815, 2816, 5120] },
  { machine: "pc", sizes: [3583, 3584, 5120] },
]) {
  test(`openSavedVm: all RAM of a ${machine} with 256 MiB`, async () => {
    const addresses = [1 * MiB, 100 * MiB + 4096, 255 * MiB];
    await using qemu = await startPatternGuest(directory, machine, "256M", addresses);
    const path = join(directory, `${machine}.stream`);
    await migrateToFile(qemu, path);
    await using memory = await openSavedVm(openSync(path, "r"), path);
    assert.deepEqual(memory.ranges, [{ start: 0, end: 256 * MiB }]);
    for (const [start, end] of ramBelow(256 * MiB)) {
      await assertAsQemuSays(memory, saveMemoryOf(qemu), directory, start, end);
    }
  });

  for (const size of sizes) {
    test(`openSavedVm: where a ${machine} with ${size} MiB has its RAM`, async () => {
      await using qemu = await startPatternGuest(directory, machine, `${size}M`, []);
      const [low = 0, high = 0] = await endsOf(qemu);
      await qemu.kill();
      const addresses = high > low ? [low - 1 * MiB, 4 * GiB, high - 1 * MiB] : [low - 1 * MiB];
      await using filled = await startPatternGuest(directory, machine, `${size}M`, addresses);
      const path = join(directory, `${machine}-${size}.stream`);
      await migrateToFile(filled, path);
      await using memory = await openSavedVm(openSync(path, "r"), path);
      const expected = [{ start: 0, end: low }];
      if (high > low) expected.push({ start: 4 * GiB, end: high });
      assert.deepEqual(memory.ranges, expected);
      for (const at of addresses) {
        await assertAsQemuSays(memory, saveMemoryOf(filled), directory, at, at + 1 * MiB);
      }
      await rm(path);
    });
  }
}

test("openSavedVm: a guest that writes while it is saved is as it was when it stopped", async () => {
  const pattern = join(directory, "much");
  await writeFile(pattern, Buffer.alloc(48 * MiB, "much to send "));
  const disk = `if=none,id=disk,format=raw,file=${join(directory, "disk")}`;
  await using qemu = await startTestQemu([
    ...["-machine", "q35", "-m", "64M", "-drive", disk, "-device", "ide-hd,drive=disk"],
    ...["-device", `loader,file=${pattern},addr=0x800000,force-raw=on`],
  ]);
  await qemu.qmp({ execute: "cont" });
  await sleep(1500);
  const limits = { "max-bandwidth": 32 * MiB, "downtime-limit": 20 };
  await qemu.qmp({ execute: "migrate-set-parameters", arguments: limits });
  const path = join(directory, "busy.stream");
  await migrateToFile(qemu, path);
  const { ram } = Object(await qemu.qmp({ execute: "query-migrate" }));
  assert.ok(ram["dirty-sync-count"] > 2, "pages were sent again");
  await using memory = await openSavedVm(openSync(path, "r"), path);
  for (const [start, end] of ramBelow(64 * MiB)) {
    await assertAsQemuSays(memory, saveMemoryOf(qemu), directory, start, end);
  }
});

test("openSavedVm: a file cut short before the end of RAM is truncated", async () => {
  await using qemu = await startPatternGuest(directory, "q35", "64M", [1 * MiB]);
  const path = join(directory, "cut.stream");
  await migrateToFile(qemu, path);
  const { size } = await stat(path);
  for (const length of [size / 2, 5000, 20, 5]) {
    await truncate(path, Math.floor(length));
    const fd = openSync(path, "r");
    await assert.rejects(openSavedVm(fd, path), { code: "dump/truncated" });
    closeSync(fd);
  }
});

test("openSavedVm and openKdump: a VM that libvirt saves and dumps", async () => {
  await using libvirtd = await PrivateLibvirtd.start();
  const virsh = (...args: readonly string[]) => run("virsh", ["-c", libvirtd.uri, ...args]);
  const xml = join(directory, "vm.xml");
  const disk = join(directory, "disk");
  await writeFile(
    xml,
    `<domain type="qemu">
      <name>saved</name><memory unit="MiB">128</memory>
      <os><type arch="x86_64" machine="q35">hvm</type></os>
      <cpu mode="custom"><model>qemu64</model><numa>
        <cell id="0" cpus="0" memory="65536"/><cell id="1" cpus="1" memory="65536"/>
      </numa></cpu><vcpu>2</vcpu>
      <devices><video><model type="vga"/></video><graphics type="vnc" socket="${directory}/vnc"/>
        <disk type="file"><source file="${disk}"/><target dev="sda" bus="sata"/></disk>
      </devices></domain>`,
  );
  await virsh("define", xml);
  await virsh("start", "saved");
  await sleep(2000);
  await virsh("suspend", "saved");

  const kdump = join(directory, "libvirt.kdump");
  await virsh("dump", "--memory-only", "--format", "kdump-zlib", "saved", kdump);
  const raw = join(directory, "libvirt.raw");
  const command = { val: 0, size: 128 * MiB, filename: raw };
  const pmemsave = JSON.stringify({ execute: "pmemsave", arguments: command });
  await virsh("qemu-monitor-command", "saved", pmemsave);
  const save = join(directory, "libvirt.save");
  await virsh("save", "saved", save);

  // QEMU is gone, and what it said of all its memory is in a file.
  const saveMemory = (address: number, size: number, filename: string) =>
    run("dd", [
      ...[`if=${raw}`, `of=${filename}`, "bs=4096", "status=none"],
      ...[`skip=${address / 4096}`, `count=${size / 4096}`],
    ]);
  await using dumped = await openKdump(openSync(kdump, "r"), kdump);
  await using saved = await openSavedVm(openSync(save, "r"), save);
  assert.deepEqual(saved.ranges, [{ start: 0, end: 128 * MiB }]);
  for (const [start, end] of ramBelow(128 * MiB)) {
    await assertAsQemuSays(saved, saveMemory, directory, start, end);
    await assertAsQemuSays(dumped, saveMemory, directory, start, end);
  }
});
