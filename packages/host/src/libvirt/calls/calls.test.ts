import assert from "node:assert/strict";
import { test } from "node:test";
import { libvirt } from "../prototypes.ts";
import { CallFailed } from "./call.ts";
import { calls } from "./calls.ts";
import { openConnection } from "./connection-calls.ts";

test("calls: give every libvirt object back, after failures too", () => {
  const lib = libvirt();
  lib.virInitialize();
  lib.virSetErrorFunc(null, lib.harmless);
  const keepAlive = { interval: 5, count: 2 };
  const { conn } = openConnection(lib, "test:///default", false, keepAlive);
  const call = { lib, conn };
  const { uuid } = calls.findDomain(call, "test");
  const snapshot = "<domainsnapshot><name>s</name></domainsnapshot>";
  const network = '<network><name>n</name><bridge name="virbr9"/></network>';
  const domain =
    '<domain type="test"><name>d</name><memory>8192</memory><os><type>hvm</type></os></domain>';

  calls.listDomains(call);
  calls.findDefinedDomain(call, uuid);
  calls.findState(call, uuid);
  calls.domainXml(call, uuid, { inactive: true, secure: true });
  calls.suspend(call, uuid);
  calls.resume(call, uuid);
  calls.createSnapshot(call, uuid, snapshot, []);
  calls.createSnapshot(call, uuid, snapshot.replace(">s<", ">t<"), []);
  calls.listSnapshots(call, uuid);
  calls.revertToSnapshot(call, uuid, "s", []);
  calls.deleteSnapshot(call, uuid, "s", ["children"]);
  const defined = calls.defineDomain(call, domain, []);
  calls.start(call, defined.uuid, []);
  calls.destroy(call, defined.uuid, []);
  calls.undefine(call, defined.uuid, []);
  const net = calls.defineNetwork(call, network);
  calls.networkXml(call, net.uuid);
  calls.startNetwork(call, net.uuid);
  calls.destroyNetwork(call, net.uuid);
  calls.undefineNetwork(call, net.uuid);
  calls.listNetworks(call);
  const [pool] = calls.listStoragePools(call);
  assert.ok(pool);
  calls.storagePoolXml(call, pool.uuid);
  calls.refreshStoragePool(call, pool.uuid);
  const volume = "<volume><name>v</name><capacity>1024</capacity></volume>";
  const { path } = calls.createVolume(call, pool.uuid, volume);
  calls.cloneVolume(call, pool.uuid, volume.replace(">v<", ">w<"), path);
  calls.listVolumes(call, pool.uuid);
  calls.findVolume(call, path);
  calls.volumeXml(call, path);
  calls.deleteVolume(call, path);
  assert.equal(calls.findVolume(call, path), undefined);
  calls.setMetadata(call, uuid, "<a/>", "k", "urn:k", ["live"]);
  const ownPool =
    '<pool type="dir"><name>p</name><target><path>/nonexistent/p</path></target></pool>';
  calls.undefineStoragePool(call, calls.defineStoragePool(call, ownPool).uuid);
  for (const failing of [
    () => calls.findDomain(call, "nosuch"),
    () => calls.resume(call, uuid),
    () => calls.monitorCommand(call, uuid, "{}", false),
    () => calls.agentCommand(call, uuid, "{}", 1),
    () => calls.snapshotXml(call, uuid, "nosuch"),
    () => calls.networkXml(call, uuid),
    () => calls.storagePoolXml(call, uuid),
    () => calls.deleteVolume(call, path),
    () => calls.createVolume(call, pool.uuid, "<nonsense/>"),
    () => calls.openConsole(call, uuid, null, []),
    () => calls.beginBackup(call, uuid, "<domainbackup/>", []),
    () => calls.backupXml(call, uuid),
    () => calls.defineDomain(call, "<nonsense/>", []),
  ]) {
    assert.throws(failing, CallFailed);
  }

  // virConnectClose answers how many references are left, and every object holds one.
  assert.equal(calls.close(call, []), 0);
});
