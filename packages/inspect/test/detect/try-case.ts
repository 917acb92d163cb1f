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

async function ask(guest: GuestEditor, detector: string): Promise<Verdict> {
  const [verdict] = await askAtRest(guest, [detector]);
  if (verdict === undefined) throw new Error(`There is no detector ${detector}.`);
  return verdict;
}

/** What detectors say when the guest holds still for a moment: who found it torn is asked again. */
export async function askAtRest(
  guest: GuestEditor,
  detectors: readonly string[],
): Promise<readonly Verdict[]> {
  const said = new Map((await guest.sweep(...detectors)).map((each) => [each.detector, each]));
  for (let tries = 1; tries < ROUNDS; tries += 1) {
    const torn = [...said.values()].filter(({ consistency }) => consistency === "torn");
    if (torn.length === 0) break;
    await sleep(PAUSE);
    const again = await guest.sweep(...torn.map(({ detector }) => detector));
    for (const each of again) said.set(each.detector, each);
  }
  return [...said.values()];
}

/** A verdict for people who read why a test failed. */
export function describe({ detector, verdict, suspicions, missed }: Verdict): string {
  const found = suspicions.map(({ key, title }) => `${key}: ${title}`);
  const unseen = missed.map(({ what, reason }) => `${what}: ${reason}`);
  return [`${detector} is ${verdict}`, ...found, ...unseen].join("\n  ");
}
