import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { minute, openPeople } from "../../test/open-people.ts";
import { keyedQueue } from "../keyed-queue.ts";
import type { AccountContext } from "./account-context.ts";
import { countFailure, forgetFailures, verifyNotLocked } from "./failures.ts";
import { openSecretBox } from "./secret-box.ts";

/** What is known of each name without looking: its failures since the last success, and its lock. */
interface Model {
  now: number;
  readonly names: Map<string, { failures: number[]; until: number }>;
}

interface Real {
  context: AccountContext;
  readonly restart: () => Promise<AccountContext>;
  pass(milliseconds: number): void;
}

type Command = fc.AsyncCommand<Model, Real>;

const stateOf = (model: Model, name: string) => {
  const known = model.names.get(name) ?? { failures: [], until: 0 };
  model.names.set(name, known);
  return known;
};

/** One try: refused while the name is locked, else a success or a failure. */
const attempt = (name: string, success: boolean): Command => ({
  check: () => true,
  async run(model, { context }) {
    const state = stateOf(model, name);
    const tried = verifyNotLocked(context, name);
    if (model.now < state.until) {
      await assert.rejects(tried, { code: "auth/locked" });
      return;
    }
    await tried;
    if (success) {
      await forgetFailures(context, name);
      state.failures = [];
      return;
    }
    await countFailure(context, { name, known: true, because: "password", address: "192.0.2.1" });
    state.failures = [...state.failures, model.now].filter((at) => model.now - at < 15 * minute);
    if (state.failures.length < 3) return;
    state.failures = [];
    state.until = model.now + 15 * minute;
  },
  toString: () => `${name} ${success ? "succeeds" : "fails"}`,
});

const pass = (milliseconds: number): Command => ({
  check: () => true,
  async run(model, real) {
    model.now += milliseconds;
    real.pass(milliseconds);
  },
  toString: () => `pass ${milliseconds}`,
});

const restart: Command = {
  check: () => true,
  async run(_model, real) {
    real.context = await real.restart();
  },
  toString: () => "restart",
};

test("lock-outs: whatever happens in whatever order, and through restarts, each name is locked as the rule says", async (t) => {
  const opened = await openPeople(t);
  const open = async (): Promise<AccountContext> => ({
    db: opened.store.db,
    record: async () => {},
    secrets: await openSecretBox(opened.directory),
    queue: keyedQueue(),
    mayAppoint: () => true,
    now: opened.now,
  });
  const name = fc.constantFrom("alice", "mallory");
  const commands = fc.commands(
    [
      fc.tuple(name, fc.constant(false)).map(([who, success]) => attempt(who, success)),
      fc.tuple(name, fc.boolean()).map(([who, success]) => attempt(who, success)),
      fc.integer({ min: 1, max: 10 * minute }).map(pass),
      fc.constant(restart),
    ],
    { maxCommands: 40 },
  );
  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      await opened.store.db.deleteFrom("lock_outs").execute();
      const context = await open();
      const setup = () => ({
        model: { now: opened.now().getTime(), names: new Map() },
        real: { context, restart: open, pass: opened.pass },
      });
      await fc.asyncModelRun(setup, steps);
    }),
    { numRuns: 40 },
  );
});
