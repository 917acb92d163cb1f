import assert from "node:assert/strict";
import { test } from "node:test";
import type { VolumeOrigin } from "@casemate/formats/disk";
import { matchesVolume } from "./match-volume.ts";

const PARTITION = {
  number: 2,
  start: 0,
  size: 0,
  type: "",
  uuid: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  name: "the root",
} as const;

const matches = (origin: VolumeOrigin, source: string): boolean =>
  matchesVolume({ origin, kind: undefined, size: 0 }, source);

test("matchesVolume: partitions by tags, links and the names of each driver", () => {
  const origin = { kind: "partition", disk: 1, partition: PARTITION } as const;
  const sources = [
    "PARTUUID=0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    "PARTLABEL=the root",
    "/dev/disk/by-partlabel/the\\x20root",
    "/dev/disk/by-partuuid/0fc63daf-8483-4772-8e79-3d69d8477de4",
    ...["/dev/vdb2", "/dev/sdb2", "/dev/xvdb2", "/dev/nvme1n1p2", "/dev/mmcblk1p2"],
  ];
  for (const source of sources) assert.ok(matches(origin, source), source);
  for (const source of ["/dev/vda2", "/dev/vdb", "/dev/vdb22", "PARTUUID=", "UUID=x", "vdb2"]) {
    assert.ok(!matches(origin, source), source);
  }
});

test("matchesVolume: logical volumes by both names, dashes doubled where device mapper has them", () => {
  const origin = { kind: "logical-volume", group: "vg-0", name: "root-a", uuid: "x" } as const;
  assert.ok(matches(origin, "/dev/mapper/vg--0-root--a"));
  assert.ok(matches(origin, "/dev/vg-0/root-a"));
  assert.ok(!matches(origin, "/dev/mapper/vg-0-root-a"));
});

test("matchesVolume: what is decrypted by the name that installers give it", () => {
  const inside = { kind: "disk", disk: 0 } as const;
  assert.ok(matches({ kind: "decrypted", inside, uuid: "abc" }, "/dev/mapper/luks-abc"));
  assert.ok(!matches({ kind: "decrypted", inside, uuid: "abc" }, "/dev/vda"));
});
