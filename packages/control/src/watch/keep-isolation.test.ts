import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isolatedLabel } from "@casemate/agent";
import { LibvirtConnection } from "@casemate/host";
import { openSpine } from "../../test/spine.fixture.ts";
import { keepIsolation } from "./keep-isolation.ts";

/** A VM that runs and is to be isolated, with an interface that has no device to isolate it at. */
async function open(t: TestContext) {
  const fixture = await openSpine(t);
  const { host, services, failures } = fixture;
  const { domains } = host.hypervisor;
  const { uuid } = await domains.define(`
    <domain type="test">
      <name>web</name><memory unit="MiB">32</memory><os><type>hvm</type></os>
      <devices><interface type="user"/></devices>
    </domain>`);
  await domains.start(uuid, {});
  await domains.setLabels(uuid, [isolatedLabel]);
  const keep = () => keepIsolation(host, services, (thrown) => failures.push(thrown));
  const failed = async () => {
    const facts = await Array.fromAsync(services.ledger.walk());
    return facts.filter(
      ({ kind, subject }) => kind === "isolation/failed" && subject === `vm:${uuid}`,
    );
  };
  const awaitFailed = async (count: number) => {
    while ((await failed()).length < count) await sleep(10);
    return await failed();
  };
  return { ...fixture, uuid, keep, awaitFailed, domains };
}

test("keepIsolation: a VM that is found not to be isolated is said and recorded, once", async (t) => {
  const { keep, awaitFailed, alarms, failures } = await open(t);
  await using _kept = keep();
  const [fact] = await awaitFailed(1);
  assert.equal(fact?.actor, "system:watch");
  assert.match(String(fact?.sealed?.["message"]), /^Cannot /);
  assert.equal(alarms.length, 1);
  assert.match(
    alarms[0] ?? "",
    /^web is to be kept off the network, or processes in it, and may have it: Cannot keep web off/,
  );
  assert.deepEqual(failures, []);
});

test("keepIsolation: so is one that somebody starts", async (t) => {
  const { uuid, keep, awaitFailed, alarms, domains } = await open(t);
  await domains.destroy(uuid, {});
  await using _kept = keep();
  await using libvirt = await LibvirtConnection.open("test:///default"); // the driver that the host has
  await libvirt.start(uuid);
  await awaitFailed(1);
  assert.equal(alarms.length, 1);
});
