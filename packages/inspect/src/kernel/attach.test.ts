import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { GiB, MiB } from "@casemate/core";
import { openMemoryImage } from "@casemate/host";
import { ByteMemory } from "../../test/byte-memory.ts";
import { BANNER, buildGuest } from "../../test/guest-builder.ts";
import { KALLSYMS_LAYOUTS } from "../../test/kallsyms-builder.ts";
import { processes } from "../views/processes.ts";
import { attach } from "./attach.ts";
import { findRelease } from "./find-release.ts";
import type { KernelTypes } from "./kernel-types.ts";
import { ProfileCache } from "./profile-cache.ts";

for (const layout of KALLSYMS_LAYOUTS) {
  for (const levels of [4, 5] as const) {
    test(`attach: finds a kernel with kallsyms of ${layout} and ${levels} levels`, () => {
      const kaslr = 0x1320_0000n;
      const guest = buildGuest({ layout, levels, kaslr });
      const { facts } = attach(guest.memory);
      assert.equal(facts.banner, BANNER.trimEnd());
      assert.equal(facts.release, "6.6.6-synthetic");
      assert.equal(facts.buildId, "00112233445566778899aabbccddeeff00112233");
      assert.equal(facts.textBase, guest.textBase);
      assert.equal(facts.kaslrOffset, Number(kaslr));
      assert.equal(facts.pagingLevels, levels);
      assert.equal(facts.directMapBase, guest.directBase);
      assert.equal(facts.pageTableRoot, guest.root);
      assert.equal(facts.physicalBase, 4 * 1024 * 1024);
    });
  }
}

test("attach: works through windows of one page", () => {
  const guest = buildGuest({ windowShift: 12 });
  assert.equal(attach(guest.memory).facts.release, "6.6.6-synthetic");
});

test("attach: knows a build again, and only if all its bytes are the same", () => {
  const profiles = new ProfileCache();
  attach(buildGuest({ kaslr: 0n }).memory, { profiles });
  attach(buildGuest({ kaslr: 0x0800_0000n }).memory, { profiles });
  assert.equal(profiles.size, 1, "KASLR does not make another build");
  const liar = buildGuest();
  const name = Buffer.from(liar.memory.bytes.buffer).indexOf("unrelated_name_40000");
  liar.memory.bytes[name] = 0x55;
  attach(liar.memory, { profiles });
  assert.equal(profiles.size, 2);
});

test("attach: memory without a kernel", () => {
  const empty = new ByteMemory(new Uint8Array(4 * 1024 * 1024));
  assert.throws(() => attach(empty), { code: "kernel/not-found" });
  const none = new ByteMemory(new Uint8Array(0), { ranges: [] });
  assert.throws(() => attach(none), { code: "kernel/not-found" });
});

test("attach: a kernel without BTF, and a log that only speaks of one", () => {
  const kernel = new ByteMemory(new Uint8Array(1024 * 1024));
  kernel.bytes.set(Buffer.from(`${BANNER}\0`), 5000);
  assert.throws(() => attach(kernel), { code: "kernel/no-btf", message: /6\.6\.6-synthetic/ });
  const log = new ByteMemory(new Uint8Array(1024 * 1024));
  log.bytes.set(Buffer.from(`${BANNER.trimEnd()} [    0.0] more\0`), 5000);
  assert.throws(() => attach(log), { code: "kernel/not-found" });
});

test("attach: a kernel without symbols", () => {
  const guest = buildGuest();
  guest.memory.bytes.fill(0, guest.kallsymsAt, guest.btfAt);
  assert.throws(() => attach(guest.memory), { code: "kernel/no-symbols" });
});

test("attach: page tables that lead elsewhere", () => {
  const guest = buildGuest();
  guest.memory.bytes.fill(0, guest.root, guest.root + 4096);
  assert.throws(() => attach(guest.memory), { code: "kernel/damaged", message: /page tables/ });
});

test("attach: a budget that is used up", () => {
  const guest = buildGuest();
  assert.throws(() => attach(guest.memory, { budget: { steps: 1, milliseconds: 0 } }), {
    code: "inspect/budget",
  });
});

test("attach: of two kernels, the one that low memory starts processors for", () => {
  const old = buildGuest({ kaslr: 0n });
  const running = buildGuest({ kaslr: 0x0400_0000n });
  // The second kernel as if it were loaded 12 MiB higher: everything physical in it moves along.
  const size = old.memory.bytes.length;
  const both = new ByteMemory(new Uint8Array(size * 2));
  both.bytes.set(old.memory.bytes, 0);
  both.bytes.set(running.memory.bytes, size);
  const move = (at: number) => {
    const value = both.view.getBigUint64(at, true);
    if ((value & 1n) === 1n) both.view.setBigUint64(at, value + BigInt(size), true);
  };
  for (let at = running.root; at < running.root + 4096; at += 8) move(size + at);
  for (let at = 10 * 1024 * 1024; at < size; at += 8) move(size + at);
  const physBase = 4 * 1024 * 1024 + 0x39_0010;
  const loaded = both.view.getBigUint64(size + physBase, true);
  both.view.setBigUint64(size + physBase, loaded + BigInt(size), true);
  assert.equal(attach(both).facts.textBase, old.textBase, "the first without evidence");
  const entry = both.view.getBigUint64(size + running.root + 511 * 8, true);
  both.view.setBigUint64(0x9_8000 + 511 * 8, entry, true);
  assert.equal(attach(both).facts.textBase, running.textBase);
});

/** A guest whose low memory says which kernel runs. */
function buildRunning(): ReturnType<typeof buildGuest> {
  const guest = buildGuest();
  guest.memory.bytes.copyWithin(0x9_8000, guest.root, guest.root + 4096);
  return guest;
}

/** Zeros where the guest had its BTF, as who owns the kernel can write there. */
function eraseBtf({ memory, btfAt }: ReturnType<typeof buildGuest>): void {
  memory.bytes.fill(0, btfAt, btfAt + 2 * 1024 * 1024);
}

test("attach: a kernel whose BTF was erased has the types of another guest with its symbols", () => {
  const profiles = new ProfileCache();
  assert.equal(attach(buildRunning().memory, { profiles }).facts.types, "own");
  const erased = buildRunning();
  eraseBtf(erased);
  assert.throws(() => attach(erased.memory), { code: "kernel/no-btf" });
  const kernel = attach(erased.memory, { profiles });
  assert.equal(kernel.facts.types, "cached");
  assert.equal(kernel.facts.release, "6.6.6-synthetic");
  const { items } = kernel.grant("kernelMetadata").read(processes);
  assert.ok(items.some(({ name }) => name === "sshd"));
});

test("attach: types of another guest do not serve for other symbols, nor where two guests differ", () => {
  const profiles = new ProfileCache();
  attach(buildRunning().memory, { profiles });
  const other = buildRunning();
  eraseBtf(other);
  const name = Buffer.from(other.memory.bytes.buffer).indexOf(
    "0\x001\x002\x003\0",
    other.kallsymsAt,
  );
  other.memory.bytes[name - 2] = 0x7e;
  assert.throws(() => attach(other.memory, { profiles }), { code: "kernel/no-btf" });

  const forged = buildRunning();
  const at = Buffer.from(forged.memory.bytes.buffer).indexOf("unrelated_name_40000");
  forged.memory.bytes[at] = 0x55;
  attach(forged.memory, { profiles });
  const erased = buildRunning();
  eraseBtf(erased);
  assert.throws(() => attach(erased.memory, { profiles }), {
    code: "kernel/no-btf",
    message: /different/,
  });
});

/** Bytes that a file has room for on its file system. */
const roomOf = (path: string) => statSync(path).blocks * 512;

test("attach: neither reads nor fills the holes of memory that a guest hardly uses", async () => {
  // Shared memory as QEMU's memfd is: a page of it that is only read is one that was allocated.
  const directory = mkdtempSync("/dev/shm/casemate-sparse-");
  try {
    const path = join(directory, "ram");
    const { bytes } = buildGuest().memory;
    for (const [name, guest] of [
      ["kernel", bytes],
      ["none", bytes.subarray(0, 4096)],
    ] as const) {
      writeFileSync(path, guest);
      truncateSync(path, 2 * GiB);
      const before = roomOf(path);
      await using memory = await openMemoryImage(path);
      if (name === "kernel") assert.equal(attach(memory).facts.release, "6.6.6-synthetic");
      else assert.throws(() => attach(memory), { code: "kernel/not-found" });
      // Tables that start processors are looked for in all of the first MiB.
      assert.ok(roomOf(path) - before <= MiB, `${name}: ${roomOf(path) - before} bytes more`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** What the kernel image on the disk of a guest says, as the guest's RAM has it. */
function typesOf({ memory, physicalBase, btfAt }: ReturnType<typeof buildGuest>): KernelTypes {
  const offset = btfAt - physicalBase;
  const words = memory.view;
  const length = 24 + words.getUint32(btfAt + 16, true) + words.getUint32(btfAt + 20, true);
  const place = (at: number, size: number) => ({
    offset: at,
    bytes: memory.bytes.slice(physicalBase + at, physicalBase + at + size),
  });
  return {
    btf: place(offset, length),
    notes: place(0x1200, 36),
    banner: place(0x1000, BANNER.length),
  };
}

test("attach: a kernel whose BTF was erased has the types it is given of its very build", () => {
  const types = typesOf(buildRunning());
  const erased = buildRunning();
  eraseBtf(erased);
  assert.equal(findRelease(erased.memory), "6.6.6-synthetic");
  const profiles = new ProfileCache();
  const kernel = attach(erased.memory, { types, profiles });
  assert.equal(kernel.facts.types, "disk");
  assert.ok(
    kernel
      .grant("kernelMetadata")
      .read(processes)
      .items.some(({ name }) => name === "sshd"),
  );
  assert.equal(attach(erased.memory, { profiles }).facts.types, "cached");
  assert.equal(attach(buildRunning().memory, { types }).facts.types, "own");
});

test("attach: types of another build do not serve", () => {
  const types = typesOf(buildRunning());
  const erased = buildRunning();
  eraseBtf(erased);
  const other = (bytes: Uint8Array<ArrayBuffer>) => {
    const changed = bytes.slice();
    changed[20] = (changed[20] ?? 0) ^ 1;
    return changed;
  };
  for (const wrong of [
    { ...types, notes: { ...types.notes, bytes: other(types.notes.bytes) } },
    { ...types, banner: { ...types.banner, bytes: other(types.banner.bytes) } },
    { ...types, notes: { ...types.notes, offset: types.notes.offset + 4 } },
    { ...types, btf: { ...types.btf, offset: types.btf.offset + 4096 } },
  ]) {
    assert.throws(() => attach(erased.memory, { types: wrong }), { code: "kernel/no-btf" });
  }
});

test("findRelease: nothing where low memory leads to no kernel", () => {
  assert.equal(findRelease(buildGuest().memory), undefined);
});
