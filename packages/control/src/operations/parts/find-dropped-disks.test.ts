import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDomain } from "@casemate/agent";
import { findDroppedDisks } from "./find-dropped-disks.ts";

/** A VM with these disks, by target. */
function machineWith(disks: Readonly<Record<string, string>>) {
  const elements = Object.entries(disks).map(
    ([target, path]) =>
      `<disk type="file" device="disk"><source file="${path}"/><target dev="${target}"/></disk>`,
  );
  return describeDomain(
    `<domain type="qemu"><name>web01</name><uuid>5ca5e3a7-f011-4000-8000-000000000001</uuid>
      <memory>1024</memory><os><type>hvm</type></os><devices>${elements.join("")}</devices></domain>`,
  );
}

test("findDroppedDisks: what was attached since, or took another's place, is named", () => {
  const then = machineWith({ vda: "/pool/a.qcow2", vdb: "/pool/b.qcow2" });
  const now = machineWith({ vda: "/pool/a.qcow2", vdb: "/pool/c.qcow2", vdc: "/pool/d.qcow2" });
  assert.deepEqual(findDroppedDisks(now, then, false), [
    { target: "vdb", path: "/pool/c.qcow2" },
    { target: "vdc", path: "/pool/d.qcow2" },
  ]);
  assert.deepEqual(findDroppedDisks(then, now, false), [{ target: "vdb", path: "/pool/b.qcow2" }]);
});

test("findDroppedDisks: an external snapshot gives a disk another file, and it stays the same disk", () => {
  const then = machineWith({ vda: "/pool/a.qcow2" });
  const now = machineWith({ vda: "/pool/a-overlay.qcow2", vdb: "/pool/b.qcow2" });
  assert.deepEqual(findDroppedDisks(now, then, true), [{ target: "vdb", path: "/pool/b.qcow2" }]);
});
