import assert from "node:assert/strict";
import { test } from "node:test";
import { cloneDefinition } from "./clone-definition.ts";
import { describeDomain } from "./describe-domain.ts";
import { web01 } from "./web01.fixture.ts";

const identity = {
  uuid: "00000000-0000-4000-8000-000000000002",
  name: "web02",
  macs: { "52:54:00:aa:bb:01": "52:54:00:aa:bb:02" },
  disks: { vda: { path: "/images/web02.qcow2", format: "qcow2" } },
  nvram: "/images/web02_VARS.fd",
} as const;

test("cloneDefinition: nothing that identifies the source is left", () => {
  const xml = cloneDefinition(web01, identity);
  for (const old of [
    "6f5e3bd2-5c3f-4b0c-9a71-30b1a3a1a001",
    "2a0a5f5e-0000-4000-8000-000000000001",
    "52:54:00:AA:BB:01",
    "web01",
    "SN-1",
    "DISK-1",
    "vnet3",
    "/dev/pts/4",
    "net0",
  ]) {
    assert.ok(!xml.includes(old), old);
  }
  const clone = describeDomain(xml);
  assert.equal(clone.uuid, identity.uuid);
  assert.equal(clone.name, "web02");
  assert.equal(clone.genid, "auto");
  assert.equal(clone.nics[0]?.mac, "52:54:00:aa:bb:02");
  assert.equal(clone.firmware.nvram, identity.nvram);
  assert.deepEqual(clone.disks[0]?.source, { kind: "file", path: "/images/web02.qcow2" });
  assert.deepEqual(clone.disks[0]?.backing, []);
  assert.deepEqual(clone.labels, ["dmz", "prod"], "a label stays: it is what the policy goes by");
  assert.equal(clone.tpm?.backend, "emulator");
  const more = cloneDefinition(web01, { ...identity, labels: ["prod", "casemate:isolated"] });
  assert.deepEqual(describeDomain(more).labels, ["casemate:isolated", "dmz", "prod"]);
  const bare = web01.replace(/<metadata>[\s\S]*<\/metadata>/, "");
  const first = cloneDefinition(bare, { ...identity, labels: ["prod"] });
  assert.deepEqual(describeDomain(first).labels, ["prod"]);
});

test("cloneDefinition: refuses where an identity would be shared", () => {
  const refused = (xml: string, change: object, words: RegExp): void =>
    assert.throws(() => cloneDefinition(xml, { ...identity, ...change }), {
      code: "definition/malformed",
      message: words,
    });
  refused(web01, { macs: {} }, /NIC 52:54:00:aa:bb:01 has no new address/);
  refused(web01, { disks: {} }, /disk vda is writable/);
  const { nvram: _, ...without } = identity;
  assert.throws(() => cloneDefinition(web01, without), { message: /EFI variables/ });
  const tpm = web01.replace("type='emulator' version='2.0'", "type='passthrough'");
  refused(tpm, {}, /TPM's state/);
  const given = web01.replace("<tpm ", "<hostdev mode='subsystem' type='pci'/><tpm ");
  refused(given, {}, /devices of the host/);
});
