import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatEntryBundle, parseEntryBundle } from "./entry-bundle.ts";
import { parseTilePath, tilePath, tileWidth } from "./tile-path.ts";

test("tilePath: the examples of C2SP tlog-tiles", () => {
  assert.equal(tilePath({ level: 0, index: 1234067, width: 256 }), "tile/0/x001/x234/067");
  assert.equal(tilePath({ level: "entries", index: 0, width: 8 }), "tile/entries/000.p/8");
  // "A tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width
  // 112, one full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1."
  const widths = [0, 1, 2, 3].map((level) =>
    Array.from({ length: 275 }, (_, index) => tileWidth(level, index, 70_000)).filter((w) => w > 0),
  );
  assert.deepEqual(widths, [[...Array(273).fill(256), 112], [256, 17], [1], []]);
});

test("parseTilePath: reads what tilePath writes, and nothing else", () => {
  const anyName = fc.record(
    {
      level: fc.oneof(fc.constant("entries" as const), fc.nat(63)),
      index: fc.maxSafeNat(),
      width: fc.integer({ min: 1, max: 256 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(anyName, (name) => assert.deepEqual(parseTilePath(tilePath(name)), name)));
  const others = [
    "tile/0/0",
    "tile/00/000",
    "tile/0/x000/001",
    "tile/0/000.p/256",
    "tile/0/000.p/0",
  ];
  for (const path of [...others, "tile/0/000/", "tile/0/../000", "tile/0/000.p/01", "checkpoint"]) {
    assert.equal(parseTilePath(path), undefined, path);
  }
});

test("parseEntryBundle: reads what formatEntryBundle writes; any other length is damage", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.nat(),
      (all, cut) => {
        const bundle = formatEntryBundle(all);
        const parsed = parseEntryBundle(bundle, all.length, "bundle").map(
          (each) => new Uint8Array(each),
        );
        assert.deepEqual(
          parsed,
          all.map((each) => new Uint8Array(each)),
        );
        const damaged = { code: "ledger/damaged" };
        assert.throws(
          () => parseEntryBundle(Buffer.concat([bundle, Buffer.of(0)]), all.length, ""),
          damaged,
        );
        if (bundle.length === 0) return;
        assert.throws(
          () => parseEntryBundle(bundle.subarray(0, cut % bundle.length), all.length, ""),
          damaged,
        );
      },
    ),
  );
});
