import assert from "node:assert/strict";
import { test } from "node:test";
import { LibvirtConnection } from "@casemate/host";
import { labCacheDir } from "./lab-cache-dir.ts";
import { planGuests } from "./lab-guests.ts";
import { formatNetworkXml } from "./network-xml.ts";
import { PrivateLibvirt } from "./private-libvirt.ts";

const options = { cacheDir: labCacheDir, accelerator: "tcg" } as const;

test("PrivateLibvirt: two at once have the same network and do not meet", async () => {
  await using one = await PrivateLibvirt.start(options);
  await using other = await PrivateLibvirt.start(options);
  const xml = formatNetworkXml(planGuests("/x"));
  for (const { uri } of [one, other]) {
    await using connection = await LibvirtConnection.open(uri);
    assert.deepEqual(await connection.networks.list(), []);
    assert.equal((await connection.networks.create(xml)).bridge, "lab0");
  }
});

test("PrivateLibvirt: a start that is cancelled leaves nothing", async () => {
  const starting = PrivateLibvirt.start(options, AbortSignal.timeout(30));
  await assert.rejects(starting, { code: "cancelled" });
});
