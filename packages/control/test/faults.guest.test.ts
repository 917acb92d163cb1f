import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { checkLedger } from "@casemate/ledger";
import { TestHost } from "./test-host.fixture.ts";

const execFileAsync = promisify(execFile);
const rounds = 200;
/** V8 for processes that live for seconds: nothing compiled twice, little collected, no threads for either. */
const shortLived = [
  ...["--liftoff-only", "--single-threaded"],
  ...["--min-semi-space-size=16", "--max-semi-space-size=16"],
];
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
        ...(round >= 0 && round < rounds ? [] : ["settle"]),
      ],
      env,
    );
  // What is killed keeps nothing that it and its threads compiled: the first is not, and has nothing to settle.
  const first = start(-1);
  stack.defer(() => first.kill());
  await first.run();
  assert.equal(first.end.trim(), "0", "the first ends in good order");
  /** What every child was told of each request, last. */
  const known = new Map<string, string>();
  const outcomes = new Map<string, number>();
  const unknown = new Set<string>();
  const story = new Story();
  let next = start(0);
  // One that waits to begin would keep a failed test from its end.
  stack.defer(() => next.kill());
  // One more settles what the last of them left.
  for (let round = 0; round <= rounds; round += 1) {
    const child = next;
    next = start(round + 1);
    const lines = await child.run();
    const told = lines.find((line) => "states" in line);
    assert.ok(told, `round ${round} of seed ${seed} did not come up: ${child.end}`);
    assert.deepEqual(told["open"], [], `round ${round} of seed ${seed}: intents stay open`);
    for (const message of told["messages"] as string[]) unknown.add(message); // as the child tells it
    const states = told["states"] as Record<string, string>; // the child's own words
    for (const [id, state] of known) verifyKept(id, state, states[id]);
    for (const line of lines) {
      if (typeof line["ack"] === "string") known.set(line["ack"], String(line["state"]));
      story.hear(round, line);
    }
    for (const state of Object.values(states)) assert.notEqual(state, "running");
    outcomes.clear();
    for (const state of Object.values(states)) {
      outcomes.set(state, (outcomes.get(state) ?? 0) + 1);
    }
  }
  assert.ok(known.size >= rounds / 4, `only ${known.size} requests were made: ${next.end}`);
  t.diagnostic(`outcomes: ${JSON.stringify(Object.fromEntries(outcomes))}`);

  for (const message of unknown) t.diagnostic(`unknown: ${message}`);

  const { damages } = await checkLedger(join(directory, "ledger"));
  assert.deepEqual(damages, []);
  const used = await readUsedFiles(host);
  const orphans = (await readdir(host.pool))
    .map((name) => join(host.pool, name))
    .filter((path) => !used.includes(path) && !/export-\d+\.ova$/.test(path));
  // What could not be taken back is unknown, and said; what a restore left behind was done.
  const told = [...unknown].join();
  const unsaid = orphans.filter((path) => !told.includes(path) && !story.wasLeft(path));
  for (const path of unsaid) for (const line of story.of(path)) t.diagnostic(line);
  assert.deepEqual(unsaid, [], `seed ${seed}: files of operations that were not done`);
});

/**
 * Every file that a VM's disk is in or rests on. Of a VM that is off the definition names the uppermost
 * only: the images tell the rest.
 */
async function readUsedFiles({ agent }: TestHost): Promise<readonly string[]> {
  const used: string[] = [];
  for (const { disks } of await agent.hypervisor.domains.list()) {
    for (const { source } of disks) {
      if (!("path" in source)) continue;
      const args = ["info", "--force-share", "--backing-chain", "--output=json", source.path];
      const { stdout } = await execFileAsync("qemu-img", args);
      const layers: readonly { filename: string }[] = JSON.parse(stdout);
      used.push(...layers.map(({ filename }) => filename));
    }
  }
  return used;
}

/** What was told of a request stays true: an end is an end, and a request is not forgotten. */
function verifyKept(id: string, told: string, now: string | undefined): void {
  assert.ok(now !== undefined, `request ${id} was acknowledged and is lost`);
  const open = ["approved", "running", "awaiting-approval"].includes(told);
  if (!open) assert.equal(now, told, `request ${id}`);
}

interface ToldRequest {
  readonly id: string;
  readonly operation: string;
  readonly target: { readonly uuid?: string };
  readonly state: string;
}

/** What the children told of requests: where something is wrong, how it came to be. */
class Story {
  readonly #asked = new Map<string, string>();
  readonly #requests: { readonly request: ToldRequest; readonly words: string }[] = [];

  hear(round: number, { asked, deadly, request }: Record<string, unknown>): void {
    if (typeof asked === "string") this.#asked.set(asked, `round ${round}, deadly ${deadly}`);
    if (typeof request !== "object" || request === null) return;
    const told = request as ToldRequest; // the child's own words
    this.#requests.push({ request: told, words: JSON.stringify(told) });
  }

  /** Whether a VM was given the file, and then taken back to a state in which it had it not. */
  wasLeft(path: string): boolean {
    const at = this.#requests.findIndex(
      ({ request: { operation, state }, words }) =>
        operation === "vm.disk.attach" && state === "done" && words.includes(path),
    );
    const uuid = this.#requests[at]?.request.target.uuid;
    return this.#requests.slice(at + 1).some(
      ({ request: { operation, state, target } }) =>
        // What shows nothing of a restore may still be one.
        operation === "vm.restore" && ["done", "unknown"].includes(state) && target.uuid === uuid,
    );
  }

  /** Every request that names the file, or a VM that one of those is about; in their order. */
  *of(path: string): Iterable<string> {
    const uuids = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
    const vms = this.#requests
      .filter(({ words }) => words.includes(path))
      .flatMap(({ request: { id }, words }) => words.match(uuids)?.filter((each) => each !== id))
      .filter((uuid) => uuid !== undefined);
    yield `${path} is there and is nobody's:`;
    for (const { request, words } of this.#requests) {
      if (!words.includes(path) && !vms.some((uuid) => words.includes(uuid))) continue;
      yield `  ${this.#asked.get(request.id)}: ${words}`;
    }
  }
}

class Child {
  readonly #process: ChildProcess;
  readonly #lines: Record<string, unknown>[] = [];
  #errors = "";

  constructor(words: readonly string[], env: NodeJS.ProcessEnv) {
    this.#process = spawn(process.execPath, [...shortLived, program, ...words], {
      stdio: ["pipe", "pipe", "pipe"],
      env,
    });
    const { stdout, stderr } = this.#process;
    if (stdout === null || stderr === null) throw new Error("the child has no pipes");
    createInterface({ input: stdout }).on("line", (line) => this.#lines.push(JSON.parse(line)));
    stderr.on("data", (data) => {
      this.#errors += String(data);
    });
  }

  /** Lets it begin, and waits until it is dead: every line it told. */
  async run(): Promise<readonly Record<string, unknown>[]> {
    const closed = once(this.#process, "close");
    this.#process.stdin?.end("go\n");
    await closed;
    return this.#lines;
  }

  /** How it ended, and what it said of that. */
  get end(): string {
    const { exitCode, signalCode } = this.#process;
    return `${signalCode ?? exitCode} ${this.#errors}`;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
