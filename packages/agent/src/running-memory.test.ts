import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError, milliseconds } from "@casemate/core";
import { missedInMemory } from "@casemate/scan";
import type { HostAgent } from "./host-agent.ts";
import { inspectableView } from "./inspectable-view.ts";
import { readRunningMemory } from "./running-memory.ts";
import type { ViewItem, ViewTable } from "./view-table.ts";

const budget = milliseconds(1_000);
const area = (path: string, more: ViewItem = {}): ViewItem => {
  return { pid: 7, path, device: "254:0", inode: "12", permissions: "r--p", ...more };
};
const socket = (protocol: string, state: string, more: ViewItem = {}): ViewItem => {
  const owners = [{ pid: 7, fd: 3, name: "served" }];
  return { protocol, state, local: "::", localPort: 80, owners, ...more };
};
const tables: Readonly<Record<string, readonly ViewItem[]>> = {
  kernel: [{ release: "6.1.0-22-amd64", banner: "Linux version", buildId: null }],
  processes: [{ pid: 7, name: "served", namespaces: { mnt: 4026531841 } }],
  maps: [
    area("/usr/lib/a.so"),
    area("/usr/lib/a.so", { permissions: "r-xp" }),
    area("/usr/lib/a.so", { pid: 8 }),
    area("/usr/lib/a.so (deleted)", { inode: "11" }),
    area("[heap]", { inode: "0", device: "0:0" }),
    area("", { inode: "0", device: "0:0" }),
  ],
  sockets: [
    socket("tcp", "LISTEN"),
    socket("tcp", "ESTAB"),
    socket("udp", "UNCONN", { localPort: 53 }),
    socket("udp", "UNCONN", { localPort: 0 }),
    socket("raw", "UNCONN"),
    socket("unix", "LISTEN"),
  ],
  mounts: [{ mountpoint: "/", device: "254:0" }],
};

/** An agent whose looks bring what `look` says. */
function agentOf(look: (view: string) => Partial<ViewTable>): Pick<HostAgent, "inspect"> {
  return {
    inspect: async (_uuid, request) => ({
      view: inspectableView(request),
      subject: "web01",
      takenAt: new Date(0),
      elapsedMs: 1,
      consistency: "consistent",
      damaged: [],
      items: tables[request.view] ?? [],
      ...look(request.view),
    }),
  };
}

test("readRunningMemory: files with all that map them, sockets that wait for somebody", async () => {
  const memory = await readRunningMemory(
    agentOf(() => ({})),
    "uuid",
    { budget },
  );
  const file = { path: "/usr/lib/a.so", device: "254:0" };
  const end = { address: "::", pids: [7] };
  assert.deepEqual(memory, {
    kernel: { rows: tables["kernel"], gaps: [] },
    processes: { rows: [{ pid: 7, name: "served", mountNamespace: 4026531841 }], gaps: [] },
    mappings: {
      rows: [
        { ...file, deleted: false, executable: true, inode: "12", pids: [7, 8] },
        { ...file, deleted: true, executable: false, inode: "11", pids: [7] },
      ],
      gaps: [],
    },
    listening: {
      rows: [
        { protocol: "tcp", port: 80, ...end },
        { protocol: "udp", port: 53, ...end },
      ],
      gaps: [],
    },
    mounts: { rows: tables["mounts"], gaps: [] },
  });
});

test("readRunningMemory: what was torn, damaged, cut or failed is a gap", async () => {
  const damage = { object: "mount at 0x1", reason: "Cannot read mount at 0x1." };
  const agent = agentOf((view) => {
    if (view === "kernel") throw new CasemateError("kernel/no-btf", "Cannot find a kernel.");
    if (view === "processes") return { consistency: "torn" };
    if (view === "maps") return { items: [area("/…/far.so")] };
    if (view === "sockets") return { items: [{ protocol: 7 }] };
    return { damaged: [damage] };
  });
  const memory = await readRunningMemory(agent, "uuid", { budget });
  assert.deepEqual(
    missedInMemory(memory).map(({ what, code }) => [what, code]),
    [
      ["memory/kernel", "kernel/no-btf"],
      ["memory/processes", "inspect/torn"],
      ["memory/mappings", "kernel/damaged"],
      ["memory/listening", "inspect/crashed"],
      ["memory/mounts", "kernel/damaged"],
    ],
  );
  assert.equal(memory.mounts.rows.length, 1);
});

test("readRunningMemory: a VM that does not run has no memory to speak of", async () => {
  const agent = agentOf(() => {
    throw new CasemateError("vm/not-running", "Cannot look into web01: it is shutoff.");
  });
  const looking = readRunningMemory(agent, "uuid", { budget });
  await assert.rejects(looking, { code: "vm/not-running" });
});
