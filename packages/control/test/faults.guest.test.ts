import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkLedger } from "@casemate/ledger";
import { TestHost } from "./test-host.fixture.ts";

const rounds = 200;
const program = fileURLToPath(new URL("fault-child.ts", import.meta.url));

test("Spine: killed 200 times at random points of random operations, it loses no fact and repeats nothing", async (t) => {
  await using stack = new AsyncDisposableStack();
  const host = stack.use(await TestHost.start());
  const directory = await mkdtemp(join(tmpdir(), "casemate-faults-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const disk = await host.image("first.qcow2");
  await host.vm(
    "first",
    `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="${disk}"/><target dev="vda" bus="virtio"/></disk>`,
  );

  const seed = Math.floor(Math.random() * 1e9);
  t.diagnostic(`seed ${seed}`);
  // What is loaded 200 times is compiled once (nodejs.org/api/module.html#module-compile-cache).
  const env = { ...process.env, NODE_COMPILE_CACHE: join(directory, "compiled") };
  const start = (round: number) =>
    new Child(
      [
        ...[host.agent.uri, directory, host.pool, String(seed + round)],
        ...(round < rounds ? [] : ["settle"]),
      ],
      env,
    );
  /** What every child was told of each request, last. */
  const known = new Map<string, string>();
  const outcomes = new Map<string, number>();
  const unknown = new Set<string>();
  let next = start(0);
  // One more settles what the last of them left.
  for (let round = 0; round <= rounds; round += 1) {
    const child = next;
    next = start(round + 1);
    const lines = await child.run();
    const told = lines.find((line) => "states" in line);
    assert.ok(told, `round ${round} of seed ${seed} did not come up: ${child.errors}`);
    assert.deepEqual(told["open"], [], `round ${round} of seed ${seed}: intents stay open`);
    for (const message of told["messages"] as string[]) unknown.add(message); // as the child tells it
    const states = told["states"] as Record<string, string>; // the child's own words
    for (const [id, state] of known) verifyKept(id, state, states[id]);
    for (const line of lines) {
      if (typeof line["ack"] === "string") known.set(line["ack"], String(line["state"]));
    }
    for (const state of Object.values(states)) assert.notEqual(state, "running");
    outcomes.clear();
    for (const state of Object.values(states)) {
      outcomes.set(state, (outcomes.get(state) ?? 0) + 1);
    }
  }
  next.kill();
  assert.ok(known.size >= rounds / 4, `only ${known.size} requests were made: ${next.errors}`);
  t.diagnostic(`outcomes: ${JSON.stringify(Object.fromEntries(outcomes))}`);

  for (const message of unknown) t.diagnostic(`unknown: ${message}`);

  const { damages } = await checkLedger(join(directory, "ledger"));
  assert.deepEqual(damages, []);
  const used = (await host.agent.hypervisor.domains.list()).flatMap(({ disks }) =>
    disks.flatMap(({ source, backing }) =>
      [source, ...backing.map((layer) => layer.source)].flatMap((each) =>
        "path" in each ? [each.path] : [],
      ),
    ),
  );
  const orphans = (await readdir(host.pool))
    .map((name) => join(host.pool, name))
    .filter((path) => !used.includes(path) && !/export-\d+\.ova$/.test(path));
  // What could not be taken back is unknown, and said.
  const told = [...unknown].join();
  const unsaid = orphans.filter((path) => !told.includes(path));
  assert.deepEqual(unsaid, [], `seed ${seed}: files of operations that were not done`);
});

/** What was told of a request stays true: an end is an end, and a request is not forgotten. */
function verifyKept(id: string, told: string, now: string | undefined): void {
  assert.ok(now !== undefined, `request ${id} was acknowledged and is lost`);
  const open = ["approved", "running", "awaiting-approval"].includes(told);
  if (!open) assert.equal(now, told, `request ${id}`);
}

class Child {
  readonly #process: ChildProcess;
  readonly #lines: Record<string, unknown>[] = [];
  errors = "";

  constructor(words: readonly string[], env: NodeJS.ProcessEnv) {
    this.#process = spawn(process.execPath, [program, ...words], {
      stdio: ["pipe", "pipe", "pipe"],
      env,
    });
    const { stdout, stderr } = this.#process;
    if (stdout === null || stderr === null) throw new Error("the child has no pipes");
    createInterface({ input: stdout }).on("line", (line) => this.#lines.push(JSON.parse(line)));
    stderr.on("data", (data) => {
      this.errors += String(data);
    });
  }

  /** Lets it begin, and waits until it is dead: every line it told. */
  async run(): Promise<readonly Record<string, unknown>[]> {
    const closed = once(this.#process, "close");
    this.#process.stdin?.end("go\n");
    await closed;
    return this.#lines;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
