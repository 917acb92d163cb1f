import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Fact } from "@casemate/ledger";
import { people, policyDirectory } from "../../test/spine.fixture.ts";
import { TestHost } from "../../test/test-host.fixture.ts";
import { assemble } from "../assemble.ts";
import { keepWorld } from "./keep-world.ts";

const never = new AbortController().signal;
const run = promisify(execFile);
const stack = new AsyncDisposableStack();
let host: TestHost;
let uuid: string;

before(async () => {
  host = stack.use(await TestHost.start());
  const disk = await host.image("web.qcow2");
  uuid = await host.vm(
    "web",
    `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="${disk}"/><target dev="vda" bus="virtio"/></disk>`,
  );
});
after(() => stack.disposeAsync());

/** A control plane that watches the host until it is disposed. */
async function watch(directory: string) {
  await using opening = new AsyncDisposableStack();
  const failures: unknown[] = [];
  const { agent } = host;
  const services = await assemble(
    {
      ...{ directory, policyDirectory, hosts: new Map([[agent.id, agent]]) },
      url: () => "https://127.0.0.1",
      onFailure: (thrown) => failures.push(thrown),
      onAlarm: () => {},
    },
    opening,
  );
  const { runner } = services.spine;
  opening.use(keepWorld(agent, { ...services, runner }, (thrown) => failures.push(thrown)));
  const owned = opening.move();
  return { services, failures, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Watched = Awaited<ReturnType<typeof watch>>;

async function changes({ services }: Watched): Promise<readonly Fact[]> {
  const facts = await Array.fromAsync(services.ledger.walk());
  return facts.filter(({ kind }) => kind.startsWith("vm/"));
}

/** A fact about a VM in a line: `vm/changed state running`, `vm/event suspended: paused`. */
function tell({ kind, body }: Fact): string {
  const changed = body["changes"] as Record<string, { to?: unknown }> | undefined; // as `World` writes it
  const what = Object.entries(changed ?? {}).map(([key, { to }]) => `${key} ${String(to)}`);
  return [kind, ...what, ...(body["event"] === undefined ? [] : [body["event"]])].join(" ");
}

/** The facts about VMs, once one of them is told so. */
async function awaitChange(watched: Watched, pattern: RegExp): Promise<readonly Fact[]> {
  for (;;) {
    const found = await changes(watched);
    if (found.some((fact) => pattern.test(tell(fact)))) return found;
    assert.deepEqual(watched.failures, []);
    await sleep(20);
  }
}

const virsh = (...words: readonly string[]) => run("virsh", ["-c", host.agent.uri, ...words]);

test("keepWorld: what anybody does past Casemate is recorded, without an actor", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-world-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  {
    await using watched = await watch(directory);
    await awaitChange(watched, /^vm\/appeared/);
    await virsh("start", "web");
    await awaitChange(watched, /state running/);
    await virsh("suspend", "web");
    await virsh("resume", "web");
    await awaitChange(watched, /state paused|suspended/);
    await virsh("destroy", "web");
    const facts = await awaitChange(watched, /state shutoff/);
    assert.deepEqual(new Set(facts.map(({ actor }) => actor)), new Set(["unknown"]));
  }
  // While nobody watches, the definition is edited by hand.
  await virsh("desc", "web", "--config", "--new-desc", "edited by hand");
  await virsh("snapshot-create-as", "web", "by-hand");
  await using watched = await watch(directory);
  const facts = await awaitChange(watched, /definition/);
  const found = facts.find((fact) => /definition/.test(tell(fact)));
  assert.match(found === undefined ? "" : tell(found), /snapshots/);
  const attribution = found?.body["attribution"] as Record<string, unknown>; // as `World` writes it
  assert.equal(attribution["noticed"], "reconciliation");
  await virsh("snapshot-delete", "web", "by-hand");
});

test("keepWorld: what an operation changes is the operation's", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-world-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await using watched = await watch(directory);
  await awaitChange(watched, /^vm\/appeared/);
  const { spine, ledger } = watched.services;
  const target = { kind: "vm", uuid, name: "web", hostId: host.agent.id } as const;
  for (const operation of ["vm.start", "vm.pause", "vm.resume", "vm.kill"]) {
    const id = randomUUID();
    const order = { id, operation, target, parameters: {}, principal: people.olga };
    await spine.submit(order, never);
    const ended = await spine.settled(id, never);
    assert.equal(ended.state, "done", ended.message);
  }
  await sleep(700); // libvirt's last events, and the time in which they are the operation's own
  const facts = await Array.fromAsync(ledger.walk());
  const actors = facts.filter(({ kind }) => kind === "vm/changed").map(({ actor }) => actor);
  assert.deepEqual(actors, ["account:olga", "account:olga", "account:olga", "account:olga"]);
});

test("keepWorld: what is changed right after an operation is found to be nobody's", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-world-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await using watched = await watch(directory);
  await awaitChange(watched, /^vm\/appeared/);
  const { spine } = watched.services;
  const target = { kind: "vm", uuid, name: "web", hostId: host.agent.id } as const;
  const id = randomUUID();
  const order = { id, operation: "vm.start", target, parameters: {}, principal: people.olga };
  await spine.submit(order, never);
  assert.equal((await spine.settled(id, never)).state, "done");
  await virsh("destroy", "web");
  const facts = await awaitChange(watched, /state shutoff/);
  assert.equal(facts.find((fact) => /state shutoff/.test(tell(fact)))?.actor, "unknown");
});

test("Spine: libvirtd dies in the middle of an operation, which is closed when it answers again", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-world-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await using watched = await watch(directory);
  await awaitChange(watched, /^vm\/appeared/);
  const { spine } = watched.services;
  const target = { kind: "vm", uuid, name: "web", hostId: host.agent.id } as const;
  const id = randomUUID();
  await spine.submit(
    { id, operation: "vm.start", target, parameters: {}, principal: people.olga },
    never,
  );
  const daemon = await host.daemon.daemonPid();
  assert.ok(daemon);
  process.kill(daemon, "SIGKILL");
  const ended = await spine.settled(id, never);
  const { state } = await host.agent.hypervisor.domains.find(uuid);
  const done = state === "running";
  assert.ok(
    (done ? ["done"] : ["failed", "undone"]).includes(ended.state),
    `${state}: ${ended.state}`,
  );
  if (done) await virsh("destroy", "web");
});
