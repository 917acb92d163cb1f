import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostEvent } from "../host-agent.ts";
import type { DomainDescription } from "../hypervisor/domain-control.ts";
import type { NetworkControl } from "../hypervisor/network-control.ts";
import type { ViewTable } from "../view-table.ts";
import { LocalCuts } from "./local-cuts.ts";

const uuid = "01234567-89ab-4def-8123-456789abcdef";
const process = { pid: 731, started: "10.00" };

/** The row of a look that finds nobody of the family. */
const nobody = {
  families: [{ members: [], groups: [] }],
  ...{ uptime: "30.00", raw: 0, elsewhere: false, viaKernel: false, endpoints: [] },
};

/** A VM that runs, of which a process is cut off by its label, and what is done about it. */
function open() {
  const looks = Promise.withResolvers<string>();
  const told: HostEvent[] = [];
  const vm = {
    ...{ uuid, name: "web01", runId: "1" },
    labels: ["casemate:cut:731:10.00:20.00"],
  } as unknown as DomainDescription; // nothing else of it is asked
  const cuts = new LocalCuts({
    domains: { find: async () => vm, list: async () => [vm] },
    network: { allow: async () => {} } as unknown as NetworkControl, // nothing else of it is asked
    inspect: async (_, { argument = "" }) => {
      looks.resolve(argument);
      return { items: [nobody], elapsedMs: 1 } as unknown as ViewTable; // nothing else of it is asked
    },
    tell: (event) => void told.push(event),
  });
  return { cuts, told, looked: looks.promise, looks };
}

test("LocalCuts.follow: what a label says is cut off is looked at by its name and its time", async () => {
  const { cuts, looked } = open();
  await using _ = cuts;
  await cuts.follow(uuid);
  assert.equal(await looked, "731@10.00/20.00/");
});

test("LocalCuts: once it is disposed of nothing is followed any more, and nothing goes on", async () => {
  const { cuts, looks } = open();
  const late = cuts.followAll();
  await cuts[Symbol.asyncDispose]();
  await late;
  await cuts.follow(uuid);
  await assert.rejects(cuts.cut(uuid, process), { code: "cancelled" });
  looks.resolve("nobody looked");
  assert.equal(await looks.promise, "nobody looked");
});

test("LocalCuts.tellBooted: all that was cut off of a VM that has booted has ended", async () => {
  const { cuts, told } = open();
  await using _ = cuts;
  await cuts.tellBooted(uuid);
  assert.deepEqual(
    told.map(({ what, detail }) => [what, detail]),
    [["cut-ended", "731@10.00"]],
  );
});

test("LocalCuts: of a process that the guest has not nothing is shown, nor is it cut off", async () => {
  const { cuts } = open();
  await using _ = cuts;
  await assert.rejects(cuts.preview(uuid, process), { code: "inspect/not-found" });
  await assert.rejects(cuts.cut(uuid, { ...process, pid: 732 }), { code: "inspect/not-found" });
});
