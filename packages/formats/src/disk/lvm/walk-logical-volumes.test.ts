import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import type { BlockReader } from "../block-reader.ts";
import { BytesReader } from "../bytes-reader.ts";
import { makeScratch, readAll, run } from "../disk.fixture.ts";
import { type DiskVolume, walkVolumes } from "../walk-volumes.ts";
import {
  buildPhysicalVolumes,
  EXTENT,
  extentOf,
  type GroupSpec,
  linear,
} from "./volume-group.fixture.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const striped = (
  extents: number,
  size: number,
  ...stripes: readonly (readonly [string, number])[]
) => ({
  extents,
  says: `type = "striped"
stripe_count = ${stripes.length}
stripe_size = ${size / 512}
stripes = [${stripes.map(([name, at]) => `"${name}", ${at}`).join(",\n")}]`,
});

const sound: GroupSpec = {
  members: [8, 8],
  volumes: [
    { name: "root", segments: [linear(3, "pv0", 0), linear(2, "pv1", 6), linear(1, "pv0", 7)] },
    { name: "fast", segments: [striped(4, 16_384, ["pv1", 0], ["pv0", 3])] },
    { name: "inner", segments: [linear(2, "pv1", 3)], isHidden: true },
    { name: "outer", segments: [linear(1, "inner", 1)] },
  ],
};

const walk = (disks: readonly Buffer[]): readonly DiskVolume[] => [
  ...walkVolumes(disks.map((disk) => new BytesReader(disk))),
];
const logical = (volumes: readonly DiskVolume[]) =>
  volumes.flatMap(({ origin, reader, problem }) =>
    origin.kind === "logical-volume"
      ? [{ name: `${origin.group}/${origin.name}`, reader, code: problem?.code }]
      : [],
  );
const read = (reader: BlockReader | undefined) =>
  reader === undefined ? undefined : readAll(reader, 10_000);

for (const textAt of [512, MIB - 4096 - 600]) {
  test(`walkVolumes: logical volumes of two disks, metadata at byte ${textAt} of their area`, () => {
    const disks = buildPhysicalVolumes({ ...sound, textAt });
    const file = scratch.path("pv.img");
    for (const disk of disks) {
      writeFileSync(file, disk);
      assert.match(run("pvck", "--dump", "metadata", file), /^vg0 \{/m);
    }
    const found = logical(walk(disks.toReversed()));
    const at = (member: number, extent: number) => extentOf(disks, member, extent);
    const stripes = [0, 1].flatMap((extent) =>
      [0, 1, 2, 3].flatMap((turn) =>
        [at(1, extent), at(0, 3 + extent)].map((part) =>
          part.subarray(turn * 16_384, (turn + 1) * 16_384),
        ),
      ),
    );
    const expected = [
      ["vg0/root", [at(0, 0), at(0, 1), at(0, 2), at(1, 6), at(1, 7), at(0, 7)]],
      ["vg0/fast", stripes],
      ["vg0/outer", [at(1, 4)]],
    ] as const;
    assert.deepEqual(
      found.map(({ name }) => name),
      expected.map(([name]) => name),
    );
    for (const [i, [name, parts]] of expected.entries()) {
      assert.ok(read(found[i]?.reader)?.equals(Buffer.concat(parts)), name);
    }
  });
}

test("walkVolumes: a physical volume that is not there, one that is there twice, and two states of a group", () => {
  const disks = buildPhysicalVolumes(sound);
  const [first, second] = disks;
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual(
    logical(walk([first])).map(({ code }) => code),
    ["disk/incomplete", "disk/incomplete", "disk/incomplete"],
  );
  const twice = walk([first, second, Buffer.from(first)]);
  assert.deepEqual(
    twice.flatMap(({ origin, problem }) => (problem === undefined ? [] : [origin, problem.code])),
    [{ kind: "disk", disk: 2 }, "disk/damaged"],
  );
  assert.equal(logical(twice).length, 3);
  const later = buildPhysicalVolumes({ ...sound, seqno: 8, volumes: sound.volumes.slice(1) });
  assert.ok(later[1] !== undefined);
  assert.deepEqual(
    logical(walk([first, later[1]])).map(({ name }) => name),
    ["vg0/fast", "vg0/outer"],
  );
});

test("walkVolumes: a volume group in a logical volume", () => {
  const [inner] = buildPhysicalVolumes({ name: "in", members: [2], volumes: [] });
  assert.ok(inner !== undefined);
  const extents = inner.length / EXTENT;
  const volumes = [{ name: "pv", segments: [linear(extents, "pv0", 0)] }];
  const [outer] = buildPhysicalVolumes({ members: [extents], volumes });
  assert.ok(outer !== undefined);
  inner.copy(outer, MIB);
  const problems = walk([outer]).map(({ holds, problem }) => holds ?? problem?.message);
  // The fixture's identifiers are the same in each group.
  assert.match(problems.join(), /^LVM2_member,LVM2_member,Cannot read a physical volume/);
});

const one = (name: string, ...segments: GroupSpec["volumes"][number]["segments"]) => ({
  name,
  segments,
});
const hostile: readonly (readonly [what: string, GroupSpec, codes: readonly string[]])[] = [
  [
    "volumes that share extents",
    { members: [8], volumes: [one("a", linear(4, "pv0", 0)), one("b", linear(4, "pv0", 3))] },
    ["disk/damaged"],
  ],
  [
    "a segment beyond its physical volume",
    { members: [8], volumes: [one("a", linear(4, "pv0", 6))] },
    ["disk/damaged"],
  ],
  [
    "billions of extents",
    { members: [8], volumes: [one("a", linear(2 ** 50, "pv0", 0))] },
    ["disk/damaged"],
  ],
  [
    "a volume that holds itself, and two that hold each other",
    {
      members: [8],
      volumes: [
        one("a", linear(1, "a", 0)),
        one("b", linear(1, "c", 0)),
        one("c", linear(1, "b", 0)),
      ],
    },
    ["disk/damaged", "disk/damaged", "disk/damaged"],
  ],
  [
    "volumes in volumes, each a hundred times in the next",
    {
      members: [8],
      volumes: Array.from({ length: 12 }, (_, i) =>
        one(
          `l${i}`,
          ...Array.from({ length: 100 }, () => linear(1, i === 11 ? "none" : `l${i + 1}`, 0)),
        ),
      ),
    },
    Array.from({ length: 12 }, () => "disk/damaged"),
  ],
  [
    "stripes of nothing, and of other lengths than theirs",
    {
      members: [8, 8],
      volumes: [
        one("a", striped(2, 0, ["pv0", 0], ["pv1", 0])),
        one("b", striped(3, 512, ["pv0", 1], ["pv1", 1])),
      ],
    },
    ["disk/damaged", "disk/damaged"],
  ],
  [
    "segments of kinds that are not read",
    { members: [8], volumes: [one("a", { extents: 1, says: `type = "raid5"` })] },
    ["disk/unsupported"],
  ],
];

for (const [what, spec, codes] of hostile) {
  test(`walkVolumes: ${what}`, () => {
    const problems = walk(buildPhysicalVolumes(spec)).flatMap(({ problem }) => problem ?? []);
    assert.deepEqual(
      problems.map(({ code }) => code),
      codes,
      problems.map(({ message }) => message).join("\n"),
    );
  });
}

test("readPhysicalVolume: bytes of the label, the header and the text that were changed", () => {
  const [disk] = buildPhysicalVolumes(sound);
  assert.ok(disk !== undefined);
  for (const at of [512 + 24, 512 + 40, 4096 + 1, 4096 + 60, 4096 + 512 + 20]) {
    const other: Buffer = Buffer.from(disk);
    other.writeUInt8(other.readUInt8(at) ^ 1, at);
    const codes: readonly string[] = walk([other]).flatMap(({ problem }) => problem?.code ?? []);
    assert.deepEqual(codes, at === 512 + 24 ? [] : ["disk/damaged"], `byte ${at}`);
  }
});
