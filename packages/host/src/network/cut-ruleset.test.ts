import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@casemate/core";
import { formatCut, formatRejoin, formatTraffic, noTraffic, parseCut } from "./cut-ruleset.ts";
import { formatIsolation, parseIsolation } from "./isolation-ruleset.ts";

const uuid = "01234567-89ab-4def-8123-456789abcdef";
const nothing = { chains: [], sets: [] };
const traffic = {
  ...{ tcpPorts: [22, 80], udpPorts: [68] },
  open: [
    { port: 40_000, remote: "192.0.2.1", remotePort: 443 },
    { port: 40_001, remote: "2001:db8::1", remotePort: 443 },
  ],
  closed: [{ port: 22, remote: "192.0.2.9", remotePort: 5000 }],
};

const commandsOf = ({ nftables }: JsonObject) => nftables as readonly JsonObject[]; // the ruleset's own

/** A listing in which stands what rulesets add. */
function listed(...rulesets: readonly JsonObject[]): unknown {
  const objects = rulesets
    .flatMap(commandsOf)
    .flatMap(({ add }) => (add === undefined ? [] : [add]));
  return { nftables: objects };
}

test("parseCut: finds in a listing what formatCut puts there, beside an isolation, and nothing of other VMs", () => {
  const both = listed(
    formatCut(uuid, ["vnet0", "vnet1"], traffic, nothing),
    formatIsolation(uuid, ["vnet0"], undefined, []),
  );
  const { chains, sets, taps } = parseCut(both, uuid);
  assert.deepEqual([chains.length, sets.length, taps], [4, 6, ["vnet0", "vnet1"]]);
  assert.deepEqual(parseIsolation(both, uuid).taps, ["vnet0"]);
  const other = parseCut(both, uuid.replace("0", "f"));
  assert.deepEqual(other, { chains: [], sets: [], taps: [], dropped: 0 });
});

test("parseCut: a rule that nobody knows lets through what it will: the device is not held", () => {
  const text = JSON.stringify(listed(formatCut(uuid, ["vnet0"], traffic, nothing)));
  const broken = JSON.parse(text.replace('"comment":"cut: ports of others"', '"comment":"mine"'));
  assert.deepEqual(parseCut(broken, uuid).taps, []);
});

test("formatTraffic: fills each set anew, connections by their family, in the same transaction", () => {
  const commands = commandsOf(formatTraffic(uuid, traffic)).map((each) => JSON.stringify(each));
  const flushes = commands.filter((each) => each.startsWith('{"flush"'));
  assert.equal(flushes.length, 6);
  assert.deepEqual(commands.slice(0, 6), flushes);
  assert.match(commands.join("\n"), /open4","elem":\[{"concat":\[40000,"192.0.2.1",443\]}\]/);
  assert.match(commands.join("\n"), /open6","elem":\[{"concat":\[40001,"2001:db8::1",443\]}\]/);
  assert.match(commands.join("\n"), /closed4","elem":\[{"concat":\[22,"192.0.2.9",5000\]}\]/);
  assert.equal(commandsOf(formatTraffic(uuid, noTraffic)).length, 6);
});

test("formatRejoin: takes chains before the sets that they ask", () => {
  const text = JSON.stringify(formatRejoin({ chains: ["cut-chain"], sets: ["cut-set"] }));
  assert.match(text, /"delete":{"chain".*"delete":{"set"/);
});
