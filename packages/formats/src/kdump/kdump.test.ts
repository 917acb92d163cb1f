import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import type { ReadAt } from "../read-at.ts";
import { buildFlattened, buildKdump, type Packing } from "./kdump.fixture.ts";
import { looksLikeKdump, openKdumpFile, readKdumpPages } from "./kdump.ts";

const PAGE = 4096;

const from =
  (bytes: Uint8Array): ReadAt =>
  (offset, length) =>
    bytes.subarray(offset, offset + length);

/** All pages of a dump, by page frame number. */
function readAll(dump: Buffer): Map<number, Buffer> {
  const opened = openKdumpFile(from(dump), dump.length);
  const pages = new Map<number, Buffer>();
  for (const piece of opened.pieces) {
    const bytes = Buffer.alloc(piece.end - piece.start);
    readKdumpPages(opened, piece, piece.start, bytes);
    for (let at = 0; at < bytes.length; at += PAGE) {
      pages.set((piece.start + at) / PAGE, bytes.subarray(at, at + PAGE));
    }
  }
  return pages;
}

const somePages = new Map([
  [0, Buffer.alloc(PAGE, "zero")],
  [1, randomBytes(PAGE)],
  [2, Buffer.alloc(PAGE)],
  [7, Buffer.alloc(PAGE, 7)],
  [8, Buffer.alloc(PAGE, "eight")],
  [40_000, Buffer.alloc(PAGE, "far")],
]);

for (const packing of ["none", "zlib", "zstd"] as const) {
  test(`openKdumpFile: every page of a dump packed by ${packing}, in both forms`, () => {
    const dump = buildKdump({ pages: somePages, pageCount: 40_001, packing });
    assert.deepEqual(readAll(dump), somePages);
    const cut = 10_007;
    const segments = Array.from({ length: Math.ceil(dump.length / cut) }, (_, i) => {
      return [i * cut, dump.subarray(i * cut, (i + 1) * cut)] as const;
    });
    assert.deepEqual(readAll(buildFlattened(segments.toReversed())), somePages);
  });
}

test("openKdumpFile: any set of pages comes back, and no page more", () => {
  const pages = fc.uniqueArray(fc.nat(400), { minLength: 1, maxLength: 60 });
  const packing = fc.constantFrom<Packing>("none", "zlib");
  fc.assert(
    fc.property(pages, packing, fc.boolean(), (frames, by, oneBitmap) => {
      const held = new Map(frames.sort((a, b) => a - b).map((f) => [f, Buffer.alloc(PAGE, f)]));
      const dump = buildKdump({ pages: held, pageCount: 401, packing: by, oneBitmap });
      assert.deepEqual(readAll(dump), held);
    }),
  );
});

test("openKdumpFile: of bytes that a flattened dump wrote twice, the last count", () => {
  const dump = buildKdump({ pages: somePages, pageCount: 40_001, packing: "zlib" });
  const wrong = Buffer.alloc(3000, 0xee);
  const segments = [
    [4096, wrong],
    [0, dump.subarray(0, 6000)],
    [6000, dump.subarray(6000)],
    [5000, dump.subarray(5000, 7500)],
  ] as const;
  assert.deepEqual(readAll(buildFlattened(segments)), somePages);
});

test("looksLikeKdump: both forms, and nothing else", () => {
  const dump = buildKdump({ pages: somePages, pageCount: 40_001, packing: "none" });
  assert.ok(looksLikeKdump(dump));
  assert.ok(looksLikeKdump(buildFlattened([[0, dump]])));
  assert.ok(!looksLikeKdump(Buffer.from("KDUMP")));
  assert.ok(!looksLikeKdump(Buffer.alloc(0)));
});

test("openKdumpFile: a dump cut short anywhere is truncated, now or at the page that is cut", () => {
  const dump = buildKdump({ pages: somePages, pageCount: 40_001, packing: "zlib" });
  for (const whole of [dump, buildFlattened([[0, dump]])]) {
    for (let length = 0; length < whole.length; length += length < 10_000 ? 97 : 1) {
      assert.throws(
        () => readAll(whole.subarray(0, length)),
        (error) => error instanceof CasemateError && /^dump\/(truncated|unknown)/.test(error.code),
        `${length}`,
      );
    }
  }
});

const fields = {
  "a block size that is not 4096": (dump: Buffer) => dump.writeUInt32LE(65536, 428),
  "another machine": (dump: Buffer) => dump.write("aarch64\0", 272, "latin1"),
  "more pages than the bitmap has bits": (dump: Buffer) =>
    dump.writeBigUInt64LE(1n << 32n, 4096 + 96),
  "more pages than any machine": (dump: Buffer) => dump.writeBigUInt64LE(1n << 60n, 4096 + 96),
  "a part of a split dump": (dump: Buffer) => dump.writeUInt32LE(1, 4096 + 12),
  "bitmaps beyond the file": (dump: Buffer) => dump.writeUInt32LE(0xffff_ffff, 432),
  "more bitmap than file": (dump: Buffer) => dump.writeUInt32LE(0xffff_fffe, 436),
} as const;

for (const [name, damage] of Object.entries(fields)) {
  test(`openKdumpFile: refuses ${name}`, () => {
    const dump = buildKdump({ pages: somePages, pageCount: 40_001, packing: "none" });
    damage(dump);
    assert.throws(() => readAll(dump), CasemateError);
  });
}

test("readKdumpPages: a page that does not expand to a page is unreadable, the others read", () => {
  const pages = new Map([
    [0, Buffer.alloc(PAGE, "a")],
    [1, Buffer.alloc(PAGE, "b")],
  ]);
  const damages: ((descriptor: Buffer) => unknown)[] = [
    (d) => d.writeUInt32LE(5000, 8),
    (d) => d.writeUInt32LE(0, 8),
    (d) => d.writeUInt32LE(0x3, 12),
    (d) => d.writeUInt32LE(0x2, 12),
    (d) => d.writeUInt32LE(0x4, 12),
    (d) => d.writeUInt32LE(0x20, 12),
    (d) => d.writeUInt32LE(0, 12),
    (d) => d.writeBigUInt64LE(0n, 0), // itself: the dump's own header
    (d) => d.writeBigUInt64LE(2n ** 63n, 0),
  ];
  for (const damage of damages) {
    const dump = buildKdump({ pages, pageCount: 2, packing: "zlib" });
    damage(dump.subarray(4 * PAGE));
    const opened = openKdumpFile(from(dump), dump.length);
    const [piece] = opened.pieces;
    assert.ok(piece !== undefined);
    const page = Buffer.alloc(PAGE);
    assert.throws(() => readKdumpPages(opened, piece, 0, page), CasemateError);
    readKdumpPages(opened, piece, PAGE, page);
    assert.ok(page.equals(Buffer.alloc(PAGE, "b")));
  }
});

test("readKdumpPages: a page that would expand to gigabytes makes one page at most", () => {
  const bomb = buildKdump({
    pages: new Map([[0, Buffer.alloc(64 * PAGE)]]),
    pageCount: 1,
    packing: "zlib",
  });
  assert.throws(() => readAll(bomb), { code: "dump/unreadable" });
});

test("openKdumpFile: any change to headers, bitmaps and descriptors is an error of the catalogue or a dump", () => {
  const pages = new Map([...somePages].filter(([frame]) => frame < 100));
  const ordinary = buildKdump({ pages, pageCount: 100, packing: "zlib" });
  const flat = buildFlattened([
    [0, ordinary.subarray(0, 9000)],
    [9000, ordinary.subarray(9000)],
  ]);
  // Where something is that is read.
  const places = fc.oneof(
    fc.integer({ min: 0, max: 479 }),
    fc.integer({ min: 4096, max: 4200 }),
    fc.integer({ min: 12_288, max: 12_310 }),
    fc.integer({ min: 16_384, max: 16_900 }),
    fc.nat(flat.length - 1),
  );
  const edits = fc.array(fc.tuple(places, fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(edits, fc.boolean(), (changes, flattened) => {
      const bytes = Buffer.from(flattened ? flat : ordinary);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      try {
        for (const page of readAll(bytes).values()) assert.equal(page.length, PAGE);
      } catch (error) {
        assert.ok(error instanceof CasemateError, String(error));
        assert.match(error.code, /^dump\//);
      }
    }),
    { numRuns: 3000 },
  );
});

test("openFlattenedFile: a file of crumbs or of bytes written over and over is refused", () => {
  const crumbs = Array.from({ length: 20_000 }, (_, i) => [i * 2, Buffer.of(1)] as const);
  const flat = buildFlattened(crumbs);
  assert.throws(() => openKdumpFile(from(flat), flat.length), { code: "dump/unreadable" });
  const again = Array.from({ length: 100 }, () => [0, Buffer.alloc(4096)] as const);
  const over = buildFlattened(again);
  assert.throws(() => openKdumpFile(from(over), over.length), { code: "dump/unreadable" });
});
