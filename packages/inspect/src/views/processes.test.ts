import assert from "node:assert/strict";
import { test } from "node:test";
import { buildGuest } from "../../test/guest-builder.ts";
import { attach } from "../kernel/attach.ts";
import { kernel } from "./kernel.ts";
import { processes } from "./processes.ts";
import { type AnyView, views } from "./views.ts";

test("processes: every process but the idle one", () => {
  const { items } = attach(buildGuest().memory).grant("kernelMetadata").read(processes);
  const short = items.map(({ pid, ppid, uid, name, state }) => [pid, ppid, uid, name, state]);
  assert.deepEqual(short, [
    [1, 0, 0, "init", "S"],
    [2, 0, 0, "kworker/0:1", "I"],
    [77, 1, 33, "sshd", "R"],
  ]);
  assert.equal(items[1]?.kernelThread, true);
  assert.equal(items[2]?.kernelThread, false);
  assert.equal(items[2]?.startedNs, 77_000_000_000);
  assert.equal(items[2]?.startedAt, "2023-11-14T22:14:37.000Z");
  assert.doesNotThrow(() => JSON.stringify(items));
});

test("processes: state letters as /proc gives them", () => {
  const states = [
    [0x0000, "R"],
    [0x0001, "S"],
    [0x0002, "D"],
    [0x0004, "T"],
    [0x0008, "t"],
    [0x0402, "I"],
    [0x2402, "I"],
    [0x0040, "P"],
    [0x8000, "D"],
    [0x1000, "D"],
    [0x0101, "S"],
  ] as const;
  const tasks = states.map(([state], i) => ({ pid: i + 1, comm: "x", state }));
  const { items } = attach(buildGuest({ tasks }).memory).grant("kernelMetadata").read(processes);
  assert.deepEqual(
    items.map(({ state }) => state),
    states.map(([, letter]) => letter),
  );
});

test("processes: names are the guest's bytes, whatever they are", () => {
  const tasks = [
    { pid: 1, comm: "ev\u001b[31mil\n" },
    { pid: 2, comm: Uint8Array.of(0xff, 0xfe, 0x41) },
    { pid: 3, comm: "sixteen-bytes-xx" },
  ];
  const { items } = attach(buildGuest({ tasks }).memory).grant("kernelMetadata").read(processes);
  assert.deepEqual(
    items.map(({ name }) => name),
    ["ev\u001b[31mil\n", "ÿþA", "sixteen-bytes-xx"],
  );
});

test("kernel: what uname, uptime and /proc/cmdline say", () => {
  const [row] = attach(buildGuest().memory).grant("kernelMetadata").read(kernel).items;
  assert.equal(row?.release, "6.6.6-synthetic");
  assert.equal(row?.hostname, "synthetic");
  assert.equal(row?.commandLine, "console=ttyS0 quiet");
  assert.equal(row?.cpus, 2);
  assert.equal(row?.uptimeSeconds, 100.0000005);
  assert.equal(row?.bootedAt, "2023-11-14T22:13:20.000Z");
});

test("views: ids and kinds are unique, columns are keys of rows", () => {
  const known: readonly AnyView[] = views;
  assert.equal(new Set(known.map((view) => view.id)).size, known.length);
  assert.equal(new Set(known.map((view) => view.kind)).size, known.length);
  const guest = attach(buildGuest().memory);
  // Of what the synthetic guest has structures for; the others are compared with real guests.
  const synthetic: readonly AnyView[] = [kernel, processes];
  for (const view of synthetic) {
    const [row] = guest.grant(...view.needs).read(view).items;
    for (const { key } of view.columns) assert.ok(row !== undefined && key in row, key);
  }
});
