import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds } from "@casemate/core";
import { isolatedLabel, isolationFailed } from "./hypervisor/network-control.ts";
import { attachHost } from "./local-host.ts";

const budget = milliseconds(1_000);

test("attachHost: lists what libvirt's own test driver has, and looks into none of it", async () => {
  await using host = await attachHost({ uri: "test:///default" });
  assert.deepEqual(host.status(), { connected: true, detail: "" });
  const [vm, ...others] = await host.listVms();
  assert.deepEqual(others, []);
  assert.deepEqual([vm?.name, vm?.state], ["test", "running"]);
  await assert.rejects(host.inspect(vm?.uuid ?? "", { view: "processes", budget }), {
    code: "memory/unsupported",
  });
  await assert.rejects(host.inspect(vm?.uuid ?? "", { view: "nosuch", budget }), { code: "usage" });
  const nobody = "00000000-0000-4000-8000-000000000000";
  await assert.rejects(host.inspect(nobody, { view: "processes", budget }), { code: "vm/unknown" });
});

test("attachHost: a libvirt that is not there is libvirt/unreachable", async () => {
  const uri = "qemu+unix:///system?socket=/nonexistent/socket";
  await assert.rejects(attachHost({ uri }), { code: "libvirt/unreachable" });
});

test("attachHost: a host keeps its id where its place is the same", async () => {
  const ids = new Set<string>();
  for (const place of ["a", "a", "b"]) {
    await using host = await attachHost({ uri: "test:///default", place });
    ids.add(host.id);
  }
  assert.equal(ids.size, 2);
});

test("attachHost: what is labelled is kept off the network, or told, and not by who only looks", async () => {
  const uri = "test:///default";
  await using first = await attachHost({ uri, keepsOff: false });
  const [vm] = await first.listVms();
  await first.hypervisor.domains.setLabels(vm?.uuid ?? "", [isolatedLabel]);
  const tellsOf = async (keepsOff: boolean) => {
    await using host = await attachHost({ uri, keepsOff });
    const told: string[] = [];
    using _ = host.subscribe(({ what }) => void told.push(what));
    // It comes after what the host has begun by itself; of the test driver nobody has a tap device.
    assert.equal((await host.hypervisor.network.renewAll()).length, 1);
    return told.includes(isolationFailed);
  };
  assert.deepEqual([await tellsOf(true), await tellsOf(false)], [true, false]);
});
