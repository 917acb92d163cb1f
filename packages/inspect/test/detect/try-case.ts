import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Verdict } from "../../src/index.ts";
import type { DetectorCase } from "./detector-case.ts";
import type { GuestEditor } from "./guest-editor.ts";

/** A guest that shares its processors with others is at rest in one of so many rounds, so many milliseconds apart. */
const ROUNDS = 5;
const PAUSE = 200;

/** Tampers, asks the detector, puts everything back and asks again. Throws where it says something else. */
export async function tryCase(
  guest: GuestEditor,
  { detector, claim, finds, tamper }: DetectorCase,
): Promise<void> {
  {
    await using _tampered = await tamper(guest);
    const said = await ask(guest, detector);
    if (finds === "could not look") {
      assert.ok(said.missed.length > 0, `${claim}: ${describe(said)}, expected something missed`);
      assert.notEqual(said.verdict, "clean");
    } else {
      const keys = said.suspicions.map(({ key }) => key);
      assert.ok(
        keys.some((key) => finds.test(key)),
        `${claim}: ${describe(said)}, expected a suspicion like ${finds}`,
      );
    }
  }
  const after = await ask(guest, detector);
  assert.equal(after.suspicions.length, 0, `after ${claim}: ${describe(after)}`);
}

/** What the detector says when the guest holds still for a moment. */
async function ask(guest: GuestEditor, detector: string): Promise<Verdict> {
  for (let tries = 1; ; tries += 1) {
    const [verdict] = await guest.sweep(detector);
    if (verdict === undefined) throw new Error(`There is no detector ${detector}.`);
    if (verdict.consistency !== "torn" || tries === ROUNDS) return verdict;
    await sleep(PAUSE);
  }
}

/** A verdict for people who read why a test failed. */
export function describe({ detector, verdict, suspicions, missed }: Verdict): string {
  const found = suspicions.map(({ key, title }) => `${key}: ${title}`);
  const unseen = missed.map(({ what, reason }) => `${what}: ${reason}`);
  return [`${detector} is ${verdict}`, ...found, ...unseen].join("\n  ");
}
