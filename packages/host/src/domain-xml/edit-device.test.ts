import assert from "node:assert/strict";
import { test } from "node:test";
import { elementAt, parseXml } from "@casemate/formats";
import { describeDisk } from "./describe-disk.ts";
import { findDiskElement, findInterfaceElement, withInterface, withMedium } from "./edit-device.ts";
import { formatDevice } from "./format-device.ts";
import { web01 } from "./web01.fixture.ts";

const parse = (xml: string) =>
  parseXml(xml, { what: "a device", code: "definition/malformed", maxCharacters: 4096 });

test("withMedium: puts a medium into the drive with a target, and takes it out", () => {
  const drive = findDiskElement(web01, "sda");
  assert.ok(drive);
  const path = `/iso/a & "b" <c>.iso`;
  const full = parse(withMedium(drive, path));
  assert.deepEqual(describeDisk(full).source, { kind: "file", path });
  assert.deepEqual(describeDisk(parse(withMedium(full, undefined))).source, { kind: "none" });
  assert.equal(findDiskElement(web01, "nosuch"), undefined);
});

test("withInterface: moves the NIC with a MAC address, and takes its link down", () => {
  const nic = findInterfaceElement(web01, "52:54:00:aa:bb:01");
  assert.ok(nic);
  const source = { kind: "bridge", bridge: "br0" } as const;
  const moved = parse(withInterface(nic, { source, linkUp: false }));
  assert.equal(moved.getAttribute("type"), "bridge");
  assert.equal(elementAt(moved, "source")?.getAttribute("bridge"), "br0");
  assert.equal(elementAt(moved, "source")?.getAttribute("network"), null);
  assert.equal(elementAt(moved, "link")?.getAttribute("state"), "down");
  assert.equal(elementAt(moved, "filterref")?.getAttribute("filter"), "clean-traffic");
});

test("formatDevice: an empty drive has no source, a disk has its own", () => {
  const drive = {
    kind: "disk",
    device: "cdrom",
    target: "sdb",
    bus: "sata",
    format: "raw",
  } as const;
  const empty = describeDisk(parse(formatDevice({ ...drive, path: undefined })));
  assert.deepEqual([empty.source, empty.readonly], [{ kind: "none" }, true]);
  const block = formatDevice({ ...drive, device: "disk", path: "/dev/vg/a", block: true });
  assert.deepEqual(describeDisk(parse(block)).source, { kind: "block", path: "/dev/vg/a" });
});
