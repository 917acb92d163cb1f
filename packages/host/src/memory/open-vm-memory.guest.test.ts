import assert from "node:assert/strict";
import {
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CasemateError, GiB, MiB, type PhysicalMemory } from "@casemate/core";
import { MappedMemory } from "./mapped-memory.ts";
import { openVmMemory } from "./open-vm-memory.ts";
import { startTestQemu, type TestQemu } from "./qemu.fixture.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-memory-"));
});
after(() => rm(directory, { recursive: true, force: true }));

/** Where QEMU's machines put RAM (hw/i386/pc_piix.c, pc_q35.c): the size from which it is split, and where. */
const machines = [
  { machine: "q35", splitFrom: 2816 * MiB, low: 2 * GiB },
  { machine: "pc", splitFrom: 3584 * MiB, low: 3 * GiB },
] as const;
const sizes = [256, 2048, 3072, 3584, 6144] as const;
const backings = {
  memfd: (size: number) => ["-object", `memory-backend-memfd,id=ram0,size=${size}M,share=on`],
  unsealed: (size: number) => [
    "-object",
    `memory-backend-memfd,id=ram0,size=${size}M,share=on,seal=off`,
  ],
  file: (size: number) => [
    "-object",
    `memory-backend-file,id=ram0,size=${size}M,share=on,mem-path=${join(directory, "shared.ram")}`,
  ],
  private: (size: number) => [
    "-object",
    `memory-backend-file,id=ram0,size=${size}M,share=off,mem-path=${join(directory, "parent.ram")}`,
  ],
  plain: () => [],
} as const;
type Backing = keyof typeof backings;

const PATTERN_BYTES = 3 * 4096 + 123;

/** Guest RAM of `size` MiB with patterns where a wrong layout would show: ends, split, 4 GiB. */
async function startGuest(machine: string, size: number, backing: Backing, at: readonly number[]) {
  const loaders: string[] = [];
  for (const address of at) {
    const file = join(directory, `pattern-${address.toString(16)}`);
    const bytes = Buffer.alloc(PATTERN_BYTES);
    for (let i = 0; i + 4 <= bytes.length; i += 4) bytes.writeUInt32LE(address / 4096 + i * 7, i);
    await writeFile(file, bytes);
    loaders.push("-device", `loader,file=${file},addr=0x${address.toString(16)},force-raw=on`);
  }
  const backend = backings[backing](size);
  const type = backend.length > 0 ? `${machine},memory-backend=ram0` : machine;
  return startTestQemu(["-machine", type, "-m", `${size}M`, ...backend, ...loaders]);
}

const open = (qemu: TestQemu) =>
  openVmMemory({ pid: qemu.pid, description: "test", monitor: qemu });

function read(memory: PhysicalMemory, address: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const size = 2 ** memory.windowShift;
  for (let i = 0; i < length; i += 1) {
    const at = address + i;
    const window = memory.window(Math.floor(at / size));
    assert.ok(window !== undefined, `no RAM at 0x${at.toString(16)}`);
    bytes[i] = window.getUint8(at % size);
  }
  return bytes;
}

async function readByQemu(qemu: TestQemu, address: number, length: number): Promise<Buffer> {
  const filename = join(directory, "saved");
  await qemu.qmp({ execute: "pmemsave", arguments: { val: address, size: length, filename } });
  return readFile(filename);
}

for (const { machine, splitFrom, low } of machines) {
  for (const size of sizes) {
    const split = size * MiB >= splitFrom;
    const lowEnd = split ? low : size * MiB;
    const end = split ? 4 * GiB + size * MiB - low : lowEnd;
    const addresses = [1 * MiB, lowEnd - 4 * 4096];
    if (split) addresses.push(4 * GiB, end - 4 * 4096);

    for (const backing of ["memfd", "plain"] as const) {
      test(`openVmMemory: ${machine}, ${size} MiB, ${backing} is what QEMU itself saves`, async () => {
        await using qemu = await startGuest(machine, size, backing, addresses);
        await using memory = await open(qemu);
        assert.equal(memory instanceof MappedMemory, backing === "memfd");
        const last = memory.ranges.at(-1);
        assert.equal(last?.end, end);
        assert.ok(memory.ranges.some((range) => range.end === lowEnd && range.start <= 1 * MiB));
        const total = memory.ranges.reduce((sum, range) => sum + range.end - range.start, 0);
        assert.ok(size * MiB - total <= 384 * 1024, "all but the firmware's legacy area");
        for (const address of addresses) {
          const expected = await readByQemu(qemu, address, 4 * 4096);
          assert.ok(expected.some((byte) => byte !== 0));
          assert.deepEqual(read(memory, address, 4 * 4096), expected);
        }
        const windowOf = (address: number) =>
          memory.window(Math.floor(address / 2 ** memory.windowShift));
        assert.equal(windowOf(64 * GiB), undefined);
        if (split) assert.equal(windowOf(4 * GiB - 2 ** memory.windowShift), undefined);
      });
    }
  }
}

for (const backing of ["unsealed", "file", "private"] as const) {
  test(`openVmMemory: RAM that is ${backing} is read through the process`, async () => {
    await using qemu = await startGuest("q35", 256, backing, [16 * MiB]);
    await using memory = await open(qemu);
    assert.ok(!(memory instanceof MappedMemory));
    const expected = await readByQemu(qemu, 16 * MiB, 4 * 4096);
    assert.deepEqual(read(memory, 16 * MiB, 4 * 4096), expected);
  });
}

test("openVmMemory: private RAM over a file shows the guest, not the file", async () => {
  await using qemu = await startGuest("q35", 256, "private", [16 * MiB]);
  await using memory = await open(qemu);
  await using file = await openFile(join(directory, "parent.ram"));
  const { buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 16 * MiB);
  assert.ok(buffer.every((byte) => byte === 0));
  assert.ok(read(memory, 16 * MiB, 4096).some((byte) => byte !== 0));
});

test("openVmMemory: video memory is no RAM, and a hot-plugged module is", async () => {
  await using qemu = await startTestQemu([
    "-machine",
    "q35",
    "-m",
    "256M,slots=1,maxmem=1G",
    "-device",
    "VGA",
    "-object",
    "memory-backend-memfd,id=more,size=128M,share=on",
    "-device",
    "pc-dimm,memdev=more",
  ]); // prettier-ignore
  await using memory = await open(qemu);
  const expected = await qemu.qmp({ execute: "query-memory-devices" });
  assert.ok(Array.isArray(expected));
  const address: number = expected[0].data.addr;
  assert.deepEqual(memory.ranges.at(-1), { start: address, end: address + 128 * MiB });
  assert.ok(!memory.ranges.some(({ start }) => start >= 0xc000_0000 && start < 4 * GiB));
});

test("populated: only what was written counts", async () => {
  await using qemu = await startGuest("q35", 6144, "memfd", [512 * MiB]);
  await using memory = await open(qemu);
  assert.ok(memory instanceof MappedMemory);
  const populated = [...memory.populated()];
  const bytes = populated.reduce((sum, { start, end }) => sum + end - start, 0);
  assert.ok(bytes > 0 && bytes < 16 * MiB, `${bytes}`);
  assert.ok(populated.some(({ start, end }) => start <= 512 * MiB && end > 512 * MiB));
});

for (const backing of ["memfd", "plain"] as const) {
  test(`openVmMemory: a ${backing} guest that ends is gone, and what was read stays`, async () => {
    await using qemu = await startGuest("q35", 256, backing, [16 * MiB]);
    await using memory = await open(qemu);
    const index = (16 * MiB) / 2 ** memory.windowShift;
    const view = memory.window(Math.floor(index));
    const seen = view?.getUint32(0, true);
    await qemu.kill();
    memory.refresh();
    assert.throws(() => memory.window(0), { code: "vm/gone" });
    assert.equal(view?.getUint32(0, true), seen);
  });
}

test("openVmMemory: a process that is not there is gone, and no descriptor is left open", async () => {
  const qemu = await startGuest("q35", 256, "memfd", []);
  const before = await readdir("/proc/self/fd");
  await (await open(qemu))[Symbol.asyncDispose]();
  const monitor = { ...qemu, hmp: async () => assert.fail("no answer") };
  await assert.rejects(openVmMemory({ pid: qemu.pid, description: "test", monitor }));
  assert.deepEqual(await readdir("/proc/self/fd"), before);
  await qemu.kill();
  await assert.rejects(open(qemu), { code: "vm/gone" });
});

test("openVmMemory: a monitor that lies is refused", async () => {
  await using qemu = await startGuest("q35", 256, "memfd", []);
  const lie = (pattern: RegExp, answer: string) => ({
    qmp: qemu.qmp,
    hmp: async (line: string) => (pattern.test(line) ? answer : qemu.hmp(line)),
  });
  for (const monitor of [
    lie(/mtree/, 'FlatView #0\n AS "memory", root: system\n'),
    lie(/gpa2hva/, "Host virtual address for 0x0 (ram0) is 0x1000"),
    lie(/gpa2hva/, "No memory is mapped at address 0x0"),
  ]) {
    await assert.rejects(
      openVmMemory({ pid: qemu.pid, description: "test", monitor }),
      (error) => error instanceof CasemateError && error.code === "memory/unsupported",
    );
  }
});

test("openVmMemory: reading changes no file", async () => {
  await using qemu = await startGuest("q35", 256, "file", []);
  const path = join(directory, "shared.ram");
  const { blocks } = await stat(path);
  await using memory = await open(qemu);
  for (let i = 0; i < 256 * MiB; i += 2 ** memory.windowShift)
    memory.window(i / 2 ** memory.windowShift);
  assert.equal((await stat(path)).blocks, blocks);
});
