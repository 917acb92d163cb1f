import assert from "node:assert/strict";
import { test } from "node:test";
import { moduleLoadOrder } from "./module-load-order.ts";

const dep = `kernel/drivers/virtio/virtio.ko.xz:
kernel/drivers/virtio/virtio_ring.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/block/virtio-blk.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
`;
const builtin = "kernel/fs/ext4/ext4.ko\n";

test("moduleLoadOrder: dependencies first, each once, what is built in left out", () => {
  assert.deepEqual(moduleLoadOrder(["virtio_blk", "virtio_ring", "ext4"], dep, builtin), [
    "kernel/drivers/virtio/virtio.ko.xz",
    "kernel/drivers/virtio/virtio_ring.ko.xz",
    "kernel/drivers/block/virtio-blk.ko.xz",
  ]);
});

test("moduleLoadOrder: a module that is nowhere is an error that names it", () => {
  assert.throws(() => moduleLoadOrder(["nosuch"], dep, builtin), /nosuch/);
});

test("moduleLoadOrder: a module that is nowhere is left out where that is wanted", () => {
  assert.deepEqual(moduleLoadOrder(["nosuch", "virtio"], dep, builtin, "leave out"), [
    "kernel/drivers/virtio/virtio.ko.xz",
  ]);
});
