/** What the spine adds to a VM's start: plan, decision, facts on disk, a look at the host afterwards. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble } from "../src/assemble.ts";
import { people, policyDirectory } from "../test/spine.fixture.ts";
import { TestHost } from "../test/test-host.fixture.ts";

const ROUNDS = 12;
const LIMIT = 30;
const never = new AbortController().signal;
const median = (times: readonly number[]) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

await using stack = new AsyncDisposableStack();
const host = stack.use(await TestHost.start());
const { agent } = host;
const uuid = await host.vm("web");
const directory = await mkdtemp(join(tmpdir(), "casemate-bench-"));
stack.defer(() => rm(directory, { recursive: true, force: true }));
const { spine, world } = await assemble(
  {
    ...{ directory, policyDirectory, hosts: new Map([[agent.id, agent]]) },
    url: () => "https://127.0.0.1",
    onFailure: (thrown) => console.error(thrown),
    onAlarm: () => {},
  },
  stack,
);
const target = { kind: "vm", uuid, name: "web", hostId: agent.id } as const;
const { domains } = agent.hypervisor;

/** How long libvirt took to start the VM, within what is measured. */
let inLibvirt = 0;
const startByLibvirt = domains.start.bind(domains);
domains.start = async (...args) => {
  const began = performance.now();
  await startByLibvirt(...args);
  inLibvirt = performance.now() - began;
};

const bySpine = async () => {
  const id = randomUUID();
  const order = { id, operation: "vm.start", target, parameters: {}, principal: people.olga };
  await spine.submit(order, never);
  const { state, message } = await spine.settled(id, never);
  if (state !== "done") throw new Error(message);
};

const starts: number[] = [];
const added: number[] = [];
for (let round = -1; round < ROUNDS; round += 1) {
  const began = performance.now();
  await bySpine();
  const whole = performance.now() - began;
  await domains.destroy(uuid, {});
  // As events would have it seen, so that the next start finds a change to record.
  await world.observe(agent, uuid, { kind: "unknown", noticed: "event" });
  if (round < 0) continue; // compiled what is used
  starts.push(inLibvirt);
  // One start's own: QEMU's vary by more than what is added.
  added.push(whole - inLibvirt);
}
const ms = (time: number) => `${time.toFixed(1)} ms`;
const least = Math.min(...added);
console.log(
  "| VM start | libvirt alone, median | added, best | added, median | limit | best / limit |",
);
console.log("| --- | --- | --- | --- | --- | --- |");
console.log(
  `| ${ROUNDS} starts | ${ms(median(starts))} | ${ms(least)} | ${ms(median(added))} | ${LIMIT} ms | ${(least / LIMIT).toFixed(2)} |`,
);
if (least > LIMIT) process.exitCode = 1;
