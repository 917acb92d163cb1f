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
const { spine } = await assemble(
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

async function measure(start: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await start();
  const took = performance.now() - began;
  await domains.destroy(uuid, {});
  return took;
}

const bySpine = async () => {
  const id = randomUUID();
  const order = { id, operation: "vm.start", target, parameters: {}, principal: people.olga };
  await spine.submit(order, never);
  const { state, message } = await spine.settled(id, never);
  if (state !== "done") throw new Error(message);
};

const bare: number[] = [];
const whole: number[] = [];
await measure(bySpine); // compiles what is used
for (let round = 0; round < ROUNDS; round += 1) {
  // One beside the other: what else the machine does meets both.
  bare.push(await measure(() => domains.start(uuid, {})));
  whole.push(await measure(bySpine));
}
const added = median(whole.map((time, round) => time - (bare[round] ?? 0)));
const ms = (time: number) => `${time.toFixed(1)} ms`;
console.log("| VM start (median) | libvirt alone | by the spine | added | limit | added / limit |");
console.log("| --- | --- | --- | --- | --- | --- |");
console.log(
  `| ${ROUNDS} pairs | ${ms(median(bare))} | ${ms(median(whole))} | ${ms(added)} | ${LIMIT} ms | ${(added / LIMIT).toFixed(2)} |`,
);
if (added > LIMIT) process.exitCode = 1;
