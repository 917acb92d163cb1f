import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError, GiB, MiB } from "@casemate/core";
import fc from "fast-check";
import type { ReadAt } from "../read-at.ts";
import {
  buildLibvirtSave,
  buildStream,
  type PageToSend,
  type StreamToBuild,
} from "./migration-stream.fixture.ts";
import { looksLikeSavedVm, openSavedVmFile } from "./saved-vm.ts";

const PAGE = 4096;

const from =
  (bytes: Uint8Array): ReadAt =>
  (offset, length) =>
    bytes.subarray(offset, offset + length);

/** The guest-physical bytes of the page at `address`; `undefined` where there is no RAM. */
function readPage(file: Buffer, address: number): Buffer | undefined {
  const piece = openSavedVmFile(from(file), file.length).find(
    ({ start, end }) => start <= address && address < end,
  );
  if (piece === undefined) return undefined;
  const place = piece.block.placeOf(piece.offset + (address - piece.start));
  switch (place.kind) {
    case "filled":
      return Buffer.alloc(PAGE, place.fill);
    case "stored":
      return file.subarray(place.offset, place.offset + PAGE);
  }
}

const page = (text: string): Buffer => Buffer.alloc(PAGE, text);

const small: StreamToBuild = {
  machine: "pc-q35-7.2",
  blocks: [
    ["pc.ram", 16 * PAGE],
    ["/rom@etc/acpi/tables", PAGE],
    ["pc.bios", 2 * PAGE],
    ["0000:00:01.0/vga.vram", 16 * MiB],
    ["tpm-ppi", PAGE],
  ],
  parts: [
    [
      { block: "pc.ram", offset: 0, content: page("first") },
      { block: "pc.ram", offset: PAGE, content: 0 },
      { block: "pc.ram", offset: 2 * PAGE, content: page("old") },
      { block: "pc.bios", offset: 0, content: page("firmware") },
    ],
    [
      { block: "pc.bios", offset: PAGE, content: 0xff },
      { block: "pc.ram", offset: 2 * PAGE, content: page("new") },
      { block: "pc.ram", offset: 3 * PAGE, content: page("gone") },
    ],
    [{ block: "pc.ram", offset: 3 * PAGE, content: 0 }],
  ],
};

test("openSavedVmFile: each page as it was sent last", () => {
  for (const footers of [true, false]) {
    const file = buildStream({ ...small, footers });
    assert.deepEqual(readPage(file, 0), page("first"));
    assert.deepEqual(readPage(file, PAGE), Buffer.alloc(PAGE));
    assert.deepEqual(readPage(file, 2 * PAGE), page("new"));
    assert.deepEqual(readPage(file, 3 * PAGE), Buffer.alloc(PAGE));
    assert.deepEqual(readPage(file, 15 * PAGE), Buffer.alloc(PAGE), "never sent");
    assert.equal(readPage(file, 16 * PAGE), undefined);
  }
});

test("openSavedVmFile: any pages in any order are what a table of them says", () => {
  const sent = fc.record({
    block: fc.constantFrom("pc.ram", "pc.bios"),
    offset: fc.nat(15).map((number) => number * PAGE),
    content: fc.oneof(
      fc.nat(255),
      fc.nat(255).map((byte) => Buffer.alloc(PAGE, byte)),
    ),
  });
  const parts = fc.array(fc.array(sent, { maxLength: 20 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(parts, (sections: PageToSend[][]) => {
      const blocks = [
        ["pc.bios", 16 * PAGE],
        ["pc.ram", 16 * PAGE],
      ] as const;
      const file = buildStream({ machine: "pc-q35-9.0", blocks, parts: sections });
      const table = new Map<number, number | Buffer>();
      for (const { block, offset, content } of sections.flat()) {
        if (block === "pc.ram") table.set(offset, content);
      }
      for (let at = 0; at < 16 * PAGE; at += PAGE) {
        const expected = table.get(at) ?? 0;
        const bytes = typeof expected === "number" ? Buffer.alloc(PAGE, expected) : expected;
        assert.deepEqual(readPage(file, at), bytes);
      }
    }),
    { numRuns: 50 },
  );
});

test("openSavedVmFile: behind libvirt's header, and the machine type from its XML", () => {
  const xml = "<domain><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os></domain>";
  const file = buildLibvirtSave(xml, buildStream(small));
  assert.deepEqual(readPage(file, 2 * PAGE), page("new"));
  const { machine: _, ...nameless } = small;
  const old = buildLibvirtSave(xml, buildStream({ ...nameless, ...ramOf(3 * GiB) }));
  assert.equal(openSavedVmFile(pretended(old), 1 * GiB).at(-1)?.start, 4 * GiB);
});

test("looksLikeSavedVm: libvirt's saves, finished or not, and bare streams", () => {
  const stream = buildStream(small);
  assert.ok(looksLikeSavedVm(stream));
  assert.ok(looksLikeSavedVm(buildLibvirtSave("", stream)));
  assert.ok(looksLikeSavedVm(Buffer.from("LibvirtQemudPart")));
  assert.ok(!looksLikeSavedVm(Buffer.from("LibvirtQemud")));
  assert.ok(!looksLikeSavedVm(Buffer.alloc(0)));
});

const ramOf = (length: number, name = "pc.ram") =>
  ({ blocks: [[name, length]], parts: [[]] }) as const;

/** Reads a short file as if it went on: a list of blocks may only claim what the file's size allows. */
const pretended = (file: Buffer): ReadAt => from(file);

/** Where QEMU puts RAM (hw/i386/pc_q35.c, pc_piix.c): the last address below 4 GiB and the last above. */
const layouts = [
  ["pc-q35-7.2", 2815 * MiB, 2815 * MiB, 0],
  ["pc-q35-7.2", 2816 * MiB, 2 * GiB, 4 * GiB + 768 * MiB],
  ["pc-q35-rhel9.2.0", 5 * GiB, 2 * GiB, 7 * GiB],
  ["pc-i440fx-7.2", 3583 * MiB, 3583 * MiB, 0],
  ["pc-i440fx-8.1+pve0", 3584 * MiB, 3 * GiB, 4 * GiB + 512 * MiB],
  ["pc-i440fx-jammy", 5 * GiB, 3 * GiB, 6 * GiB],
  ["microvm", 1 * GiB, 1 * GiB, 0],
] as const;

for (const [machine, ram, low, high] of layouts) {
  test(`openSavedVmFile: where ${machine} has ${ram / MiB} MiB`, () => {
    const file = buildStream({ machine, ...ramOf(ram) });
    const pieces = openSavedVmFile(pretended(file), 1 * GiB);
    assert.equal(pieces[0]?.end, low);
    assert.equal(pieces.length, high === 0 ? 1 : 2);
    if (high > 0) {
      assert.deepEqual(
        { ...pieces[1], block: 0 },
        { start: 4 * GiB, end: high, block: 0, offset: low },
      );
    }
  });
}

test("openSavedVmFile: the RAM of NUMA nodes in their order, across the hole", () => {
  const nodes = [
    ["ram-node1", 2 * GiB],
    ["ram-node0", 1 * GiB],
  ] as const;
  const file = buildStream({ machine: "pc-q35-7.2", blocks: nodes, parts: [[]] });
  const pieces = openSavedVmFile(pretended(file), 1 * GiB);
  assert.deepEqual(
    pieces.map(({ start, end, offset, block }) => [start, end, offset, block.name]),
    [
      [0, 1 * GiB, 0, "ram-node0"],
      [1 * GiB, 2 * GiB, 0, "ram-node1"],
      [4 * GiB, 5 * GiB, 1 * GiB, "ram-node1"],
    ],
  );
});

const refusals: Record<string, () => Buffer> = {
  "mapped-ram": () => buildStream({ ...small, capabilities: ["mapped-ram"] }),
  "RAM that is left out": () => buildStream({ ...small, capabilities: ["x-ignore-shared"] }),
  "a machine that is not known to split its RAM so": () =>
    buildStream({ machine: "microvm", ...ramOf(3 * GiB) }),
  "memory that was plugged in": () =>
    buildStream({ ...small, blocks: [...small.blocks, ["memdimm0", 128 * MiB]] }),
  "a VM without RAM": () => buildStream({ ...small, blocks: [["pc.bios", PAGE]], parts: [[]] }),
  "a save by gzip": () => buildLibvirtSave("<domain/>", Buffer.from("\x1f\x8b"), 1),
  "a sparse save": () => buildLibvirtSave("<domain/>", Buffer.alloc(0), 6),
  "a save of another byte order": () => buildLibvirtSave("", Buffer.alloc(0), 0, 0x0200_0000),
  "RAM that was moved": () =>
    buildLibvirtSave("<arg value='q35,max-ram-below-4g=1G'/>", buildStream(small)),
  "another version": () => {
    const file = buildStream(small);
    file.writeUInt32BE(2, 4);
    return file;
  },
};

for (const [name, build] of Object.entries(refusals)) {
  test(`openSavedVmFile: refuses ${name} and says what to do`, () => {
    const file = build();
    assert.throws(
      () => openSavedVmFile(from(file), 1 * GiB),
      (error) =>
        error instanceof CasemateError &&
        error.code === "dump/unknown-format" &&
        error.message.startsWith("Cannot "),
    );
  });
}

test("openSavedVmFile: RAM that the file cannot hold costs no memory", () => {
  const file = buildStream({ machine: "pc-q35-7.2", ...ramOf(2 ** 50) });
  assert.throws(() => openSavedVmFile(from(file), file.length), { code: "dump/unreadable" });
});

test("openSavedVmFile: a file cut short anywhere before the end of RAM is truncated", () => {
  const stream = buildStream(small);
  const end = stream.length - "state of devices".length - 11;
  const save = buildLibvirtSave("<domain/>", stream);
  const inside = save.length - stream.length;
  for (const [whole, last] of [
    [stream, end],
    [save, inside + end],
  ] as const) {
    for (let length = 16; length < last - 5; length += 1) {
      const cut = whole.subarray(0, length);
      assert.throws(
        () => openSavedVmFile(from(cut), length),
        { code: "dump/truncated" },
        `${length}`,
      );
    }
  }
});

test("openSavedVmFile: any change is an error of the catalogue or a VM whose pages are in the file", () => {
  const stream = buildStream(small);
  const save = buildLibvirtSave("<domain/>", stream);
  const edits = fc.array(fc.tuple(fc.nat(stream.length - 1), fc.nat(255)), { maxLength: 6 });
  const heads = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 });
  fc.assert(
    fc.property(edits, heads, fc.boolean(), (anywhere, early, libvirt) => {
      const bytes = Buffer.from(libvirt ? save : stream);
      for (const [at, value] of [...anywhere, ...early]) bytes[at] = value;
      try {
        for (const { start, end, block, offset } of openSavedVmFile(from(bytes), bytes.length)) {
          for (let at = 0; at < end - start; at += PAGE) {
            const place = block.placeOf(offset + at);
            if (place.kind === "stored") assert.ok(place.offset + PAGE <= bytes.length);
          }
        }
      } catch (error) {
        assert.ok(error instanceof CasemateError, String(error));
        assert.match(error.code, /^dump\//);
      }
    }),
    { numRuns: 1000 },
  );
});
