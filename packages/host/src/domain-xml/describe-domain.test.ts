import assert from "node:assert/strict";
import { test } from "node:test";
import { GiB } from "@casemate/core";
import fc from "fast-check";
import { describeDomain } from "./describe-domain.ts";
import { web01 } from "./web01.fixture.ts";

test("describeDomain: says what the definition says", () => {
  const { digest, ...web } = describeDomain(web01);
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.deepEqual(web, {
    uuid: "6f5e3bd2-5c3f-4b0c-9a71-30b1a3a1a001",
    name: "web01",
    title: undefined,
    type: "kvm",
    arch: "x86_64",
    machine: "pc-q35-7.2",
    memory: GiB,
    maxMemory: 2 * GiB,
    slotsMemory: undefined,
    vcpus: 2,
    maxVcpus: 4,
    disks: [
      {
        target: "vda",
        bus: "virtio",
        device: "disk",
        source: { kind: "file", path: "/images/web01.qcow2" },
        format: "qcow2",
        readonly: false,
        shareable: false,
        serial: "DISK-1",
        backing: [{ source: { kind: "file", path: "/images/base.qcow2" }, format: "qcow2" }],
      },
      {
        target: "sda",
        bus: "sata",
        device: "cdrom",
        source: { kind: "none" },
        format: "raw",
        readonly: true,
        shareable: false,
        serial: undefined,
        backing: [],
      },
    ],
    nics: [
      {
        mac: "52:54:00:aa:bb:01",
        source: { kind: "network", network: "default" },
        model: "virtio",
        tap: "vnet3",
        filter: "clean-traffic",
        linkUp: true,
      },
    ],
    graphics: [{ type: "vnc", listen: "127.0.0.1", port: 5903 }],
    consoles: [
      { kind: "serial", alias: "serial0", type: "pty", path: "/dev/pts/4", port: 0 },
      { kind: "console", alias: "serial0", type: "pty", path: "/dev/pts/4", port: 0 },
    ],
    firmware: {
      kind: "efi",
      loader: "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
      nvram: "/var/lib/libvirt/qemu/nvram/web01_VARS.fd",
      secureBoot: true,
    },
    tpm: { model: "tpm-crb", backend: "emulator", version: "2.0" },
    genid: "2a0a5f5e-0000-4000-8000-000000000001",
    hostDevices: 0,
    directBoot: undefined,
    labels: ["dmz", "prod"],
  });
});

test("describeDomain: the digest is of what is said, not of how or of this run", () => {
  const { digest } = describeDomain(web01);
  const same = [
    ["id='7'", ""],
    ["port='5903'", "port='-1'"],
    ["<alias name='net0'/>", ""],
    ["vnet3", "vnet9"],
    [" index='2'", ""],
    ["/dev/pts/4'/>\n      <target type='isa", "/dev/pts/9'/>\n      <target type='isa"],
    ["<uuid>", "<!-- a comment --><uuid>"],
    ["  <vcpu placement='static' current='2'>", '<vcpu current="2" placement="static">'],
  ] as const;
  for (const [from, to] of same) {
    assert.ok(web01.includes(from), from);
    assert.equal(describeDomain(web01.replace(from, to)).digest, digest, from);
  }
  const other = [
    ["web01.qcow2", "web02.qcow2"],
    ["52:54:00:AA", "52:54:00:AB"],
    ["network='default'", "network='other'"],
    ["<vcpu placement='static' current='2'>4", "<vcpu placement='static' current='2'>8"],
    ["label>prod<", "label>test<"],
    ["secure='yes'", "secure='no'"],
  ] as const;
  for (const [from, to] of other) {
    assert.ok(web01.includes(from), from);
    assert.notEqual(describeDomain(web01.replace(from, to)).digest, digest, from);
  }
});

test("describeDomain: whatever is cut out of a definition, it answers or refuses", () => {
  assert.throws(() => describeDomain("<network/>"), { code: "definition/malformed" });
  assert.doesNotThrow(() => describeDomain("<domain/>"));
  const tags = [...web01.matchAll(/<[^>]+>/g)];
  fc.assert(
    fc.property(fc.nat(tags.length - 1), fc.nat(40), (index, length) => {
      const at = tags[index]?.index ?? 0;
      try {
        describeDomain(web01.slice(0, at) + web01.slice(at + length));
      } catch (thrown) {
        assert.equal((thrown as { code?: unknown }).code, "definition/malformed"); // asks just that
      }
    }),
  );
});
