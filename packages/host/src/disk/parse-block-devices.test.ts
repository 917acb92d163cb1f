import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBlockDevices } from "./parse-block-devices.ts";

const base = { filename: "/pool/base.qcow2", format: "qcow2", "virtual-size": 1 };
const top = { filename: "/pool/web01.qcow2", format: "qcow2", "backing-image": base };

test("parseBlockDevices: chains of images, drives without a medium left out", () => {
  const answer = [
    {
      device: "",
      qdev: "/machine/peripheral/virtio-disk0",
      inserted: { image: top, drv: "qcow2" },
    },
    { device: "virtio1", inserted: { image: { filename: "/dev/vg/data", format: "raw" } } },
    { device: "ide0-cd0", removable: true },
  ];
  assert.deepEqual(parseBlockDevices(answer), [
    {
      name: "/machine/peripheral/virtio-disk0",
      images: [
        { filename: "/pool/web01.qcow2", format: "qcow2" },
        { filename: "/pool/base.qcow2", format: "qcow2" },
      ],
    },
    { name: "virtio1", images: [{ filename: "/dev/vg/data", format: "raw" }] },
  ]);
});

test("parseBlockDevices: an answer of another shape tells of no disk, and a chain without end ends", () => {
  for (const answer of [
    undefined,
    null,
    1,
    "x",
    {},
    [null],
    [{ inserted: 1 }],
    [{ inserted: {} }],
  ]) {
    assert.deepEqual(parseBlockDevices(answer), []);
  }
  const endless: Record<string, unknown> = { ...base };
  endless["backing-image"] = endless;
  assert.equal(parseBlockDevices([{ inserted: { image: endless } }])[0]?.images.length, 256);
});
