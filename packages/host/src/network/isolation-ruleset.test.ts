import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@casemate/core";
import { parseForensicChannel } from "./forensic-channel.ts";
import { formatIsolation, formatRelease, parseIsolation } from "./isolation-ruleset.ts";

const uuid = "01234567-89ab-4def-8123-456789abcdef";
const channel = parseForensicChannel("192.0.2.0/24:22", "192.0.2.1");

/** A listing in which stands what `ruleset` adds. */
function listed({ nftables }: JsonObject, change = (text: string) => text): unknown {
  const commands = nftables as readonly { readonly add?: JsonObject }[]; // formatIsolation's own
  const objects = commands.flatMap(({ add }) => (add === undefined ? [] : [add]));
  return JSON.parse(change(JSON.stringify({ nftables: objects })));
}

test("parseIsolation: finds in a listing what formatIsolation puts there, and nothing of other VMs", () => {
  const ruleset = formatIsolation(uuid, ["vnet0", "vnet1"], channel, []);
  const { chains, taps, keep } = parseIsolation(listed(ruleset), uuid);
  assert.equal(chains.length, 4);
  assert.deepEqual(taps, ["vnet0", "vnet1"]);
  assert.deepEqual(keep, { keep: "192.0.2.0/24:22", via: "192.0.2.1" });
  const other = parseIsolation(listed(ruleset), uuid.replace("0", "f"));
  assert.deepEqual(other, { chains: [], taps: [], keep: undefined, dropped: 0 });
});

test("parseIsolation: rules that do not hold the device as it is now are none", () => {
  const ruleset = formatIsolation(uuid, ["vnet0"], undefined, []);
  const tapsAfter = (change: (text: string) => string) =>
    parseIsolation(listed(ruleset, change), uuid).taps;
  assert.deepEqual(
    tapsAfter((text) => text),
    ["vnet0"],
  );
  for (const [from, to] of [
    ['"policy":"drop"', '"policy":"accept"'],
    ['"hook":"egress"', '"hook":"ingress"'],
    ['"right":"vnet0"', '"right":"7"'], // the index of a device that is gone
    ['"right":"vnet0"', '"right":"vnet1"'],
    ['"op":"!="', '"op":"=="'],
    ['{"table":{', '{"table":{"flags":"Lester Gooch #5",'],
    // Whatever else somebody lets pass.
    [
      '{"counter":null}',
      '{"accept":null}]}},{"rule":{"chain":"vm-CHAIN-out-vnet0","expr":[{"accept":null}',
    ],
  ] as const) {
    const broken = tapsAfter((text) => text.replace(from, to.replace("CHAIN", uuid)));
    assert.deepEqual(broken, [], `${from} as ${to}`);
  }
});

test("parseIsolation: a listing without the table, or of another shape, has nothing", () => {
  const nothing = { chains: [], taps: [], keep: undefined, dropped: 0 };
  for (const listing of [{}, null, [], "x", { nftables: 1 }, { nftables: [null, { chain: 1 }] }]) {
    assert.deepEqual(parseIsolation(listing, uuid), nothing);
  }
});

test("formatIsolation: what it replaces goes before, in the same transaction", () => {
  const { nftables } = formatIsolation(uuid, ["vnet0"], undefined, ["vm-old"]);
  const text = JSON.stringify(nftables);
  assert.ok(text.indexOf('{"delete":{"chain"') < text.indexOf('{"add":{"chain"'));
  assert.match(JSON.stringify(formatRelease(["vm-old"])), /flush.*delete/);
});
