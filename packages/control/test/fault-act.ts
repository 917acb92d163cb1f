import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { attachHost, type HostAgent } from "@casemate/agent";
import type { JsonObject } from "@casemate/core";
import { localPrincipal, principalOf } from "../src/accounts/principal.ts";
import { assemble } from "../src/assemble.ts";
import { type FaultPoint, faultPoints } from "../src/spine/fault-points.ts";
import { policyDirectory } from "./spine.fixture.ts";

/**
 * A control plane that does one operation and is killed at one point of it. Told by its arguments: libvirt's
 * URI, the data directory, the pool, a seed, and `settle` to only close what was left open, and to end in
 * good order. Tells on standard output, a line of JSON each, what it knows.
 */
const [uri = "", directory = "", pool = "", seedText = "0", task = "act"] = process.argv.slice(2);
const never = new AbortController().signal;
const random = randomFrom(Number(seedText));

const tell = (line: JsonObject) => void writeSync(1, `${JSON.stringify(line)}\n`);
const die = () => void process.kill(process.pid, "SIGKILL");

const person = (account: string, role: "operator" | "security-officer") =>
  principalOf({
    ...{ account, person: account, roles: [role], mfa: true, method: "session" },
    ...{ scopes: "all", credential: "session:test" },
  });
const olga = person("olga", "operator");
const sofia = person("sofia", "security-officer");

// Everything is loaded by now: the parent starts the next one early and lets it wait here.
tell({ ready: true });
await once(process.stdin, "data");

await using stack = new AsyncDisposableStack();
const host = stack.use(await attachHost({ uri }));
let deadly: FaultPoint | undefined;
const services = await assemble(
  {
    ...{ directory, policyDirectory },
    hosts: new Map([[host.id, host]]),
    url: () => "https://127.0.0.1",
    onFailure: () => {},
    onAlarm: () => {},
    atFaultPoint: (point) => {
      if (point === deadly) die();
      // In the middle of what libvirt does, or just before or after.
      if (deadly === "executed" && point === "intended") setTimeout(die, random() * 40);
    },
  },
  stack,
);
const { spine, requests } = services;
await (await spine.runner.settle(host)).over;
const left = await requests.list({ states: ["running", "approved"], limit: 10_000 });
const ended = await requests.list({ limit: 10_000 });
tell({
  open: left.map(({ id }) => id),
  states: Object.fromEntries(ended.map(({ id, state }) => [id, state])),
  messages: ended.flatMap(({ state, operation, message }) =>
    state === "unknown" ? [`${operation}: ${message ?? ""}`] : [],
  ),
});

if (task === "settle") {
  for (const { id, operation, target, plan, state, message, result } of ended.toReversed()) {
    const { parameters = {}, effects = [] } = plan ?? {};
    const of = { target: { ...target }, parameters, effects: effects.map((each) => ({ ...each })) };
    tell({
      request: { id, operation, ...of, state, message: message ?? "", result: result ?? {} },
    });
  }
} else {
  await act();
}

/** Does one operation, and dies at a point of it or after it. */
async function act(): Promise<void> {
  const names = (await services.people.accounts.list()).map(({ name }) => name);
  if (!names.includes("olga")) {
    for (const { account: name, person, roles } of [olga, sofia]) {
      await services.people.accounts.create({ name, person, roles }, localPrincipal);
    }
  }

  const points = faultPoints.filter((point) => point !== "replanned");
  deadly = points[Math.floor(random() * points.length)];
  const chosen = await choose(host);
  const id = randomUUID();
  tell({ asked: id, operation: chosen.operation, deadly: String(deadly) });
  const taken = await spine.submit({ id, ...chosen, principal: olga }, never);
  tell({ ack: id, state: taken.state });
  if (taken.state === "awaiting-approval") {
    const yes = { principal: sofia, planHash: taken.planHash, signature: null };
    await spine.approve(id, yes, never);
    tell({ ack: id, state: "approved" });
  }
  const last = await spine.settled(id, never);
  tell({ ack: id, state: last.state });
  die();
}

async function choose({ id: hostId, hypervisor }: HostAgent) {
  const vms = await hypervisor.domains.list();
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const vm = pick(vms);
  if (vm === undefined) throw new Error("no VM is left");
  const target = { kind: "vm", uuid: vm.uuid, name: vm.name, hostId } as const;
  const snapshots = await hypervisor.snapshots.list(vm.uuid);
  const off: readonly (readonly [string, JsonObject])[] = [
    ["vm.start", {}],
    ["vm.start", {}],
    ["vm.rename", { name: `vm-${Math.floor(random() * 1e9)}` }],
    ["vm.resize", { vcpus: 1 + Math.floor(random() * 2) }],
    ["vm.disk.attach", { capacity: 1024 * 1024 }],
    ["vm.export", { path: `${pool}/export-${Math.floor(random() * 1e9)}.ova` }],
    ...(vms.length < 6
      ? ([
          ["vm.clone", { name: `copy-${Math.floor(random() * 1e9)}` }],
          ["vm.clone", { name: `copy-${Math.floor(random() * 1e9)}`, linked: true }],
        ] as const) // pairs
      : []),
    ...(vms.length > 2 ? ([["vm.delete", { disks: "delete" }]] as const) : []), // a pair
  ];
  const on: readonly (readonly [string, JsonObject])[] = [
    ["vm.pause", {}],
    ["vm.kill", {}],
    ["vm.reset", {}],
    ["vm.snapshot", { name: `s${Math.floor(random() * 1e9)}` }],
  ];
  const paused: readonly (readonly [string, JsonObject])[] = [
    ["vm.resume", {}],
    ["vm.kill", {}],
  ];
  const always: readonly (readonly [string, JsonObject])[] = [
    ...snapshots.map(({ name }) => ["vm.restore", { snapshot: name }] as const),
    ...snapshots.map(({ name }) => ["vm.snapshot.delete", { name }] as const),
    ["vm.label", { labels: [`l${Math.floor(random() * 1e6)}`] }],
  ];
  const own = vm.state === "running" ? on : vm.state === "paused" ? paused : off;
  for (;;) {
    const [operation, parameters] = pick([...own, ...own, ...always]) ?? ["vm.label", {}];
    const order = { id: randomUUID(), operation, target, parameters, principal: olga };
    // What is refused here is refused for a reason; another is tried.
    const possible = await spine.preview(order, never).then(
      () => true,
      () => false,
    );
    if (possible) return { operation, target, parameters };
  }
}

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
