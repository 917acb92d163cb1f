import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureImage, labCacheDir } from "@casemate/lab";
import type { AnyDetector } from "../../src/detect/detectors.ts";
import type { Verdict } from "../../src/index.ts";
import { chosen } from "./chosen.ts";
import type { GuestEditor } from "./guest-editor.ts";
import { guestLoad } from "./guest-load.ts";
import { startGuest } from "./start-guest.ts";
import { describe } from "./try-case.ts";

/** Of all detectors of low cost; those that read much of memory have one sweep in each ten, rules one in a hundred. */
const SWEEPS = 500;
/** So many processes at least come and go meanwhile. */
const LEAST_FORKS = 100;
const HIGH_COST_EACH = 10;
const GIVEN_EACH = 100;
/** Between two sweeps, so that the guest's processor gets to something, in milliseconds. */
const PAUSE = 20;
/** Most of a sweep of a busy guest is waiting for what is in the middle of a change: others look meanwhile. */
const AT_ONCE = 10;

const stable = ["bullseye", "bookworm", "trixie"];
const ids = (isChosen: (detector: AnyDetector) => boolean) =>
  chosen.detectors.filter(isChosen).map(({ id }) => id);
/** Each with how often it has its turn. */
const turns: readonly (readonly [each: number, ids: readonly string[]])[] = [
  [1, ids(({ cost, given }) => given === undefined && cost === "low")],
  [HIGH_COST_EACH, ids(({ cost, given }) => given === undefined && cost === "high")],
  // Agents are asked while others come and go in a test of their own.
  [GIVEN_EACH, ids(({ given }) => given === "rules")],
];

/** How many processes the guest has made since its boot. */
async function forks(guest: GuestEditor): Promise<number> {
  const said = await guest.run("cat /proc/stat");
  return Number(/^processes (\d+)$/m.exec(said)?.[1]);
}

test("detectors: say nothing of guests that are busy", async (t) => {
  await ensureImage({ cacheDir: labCacheDir });
  for (const kind of chosen.kinds.filter(({ suite }) => stable.includes(suite))) {
    await t.test(kind.title, async (t) => {
      await using started = await startGuest(kind);
      const { guest } = started;
      const before = await forks(guest);
      for (const command of Object.values(guestLoad)) await guest.start(command);
      const alarms = new Map<string, string>();
      const missed = new Map<string, number>();
      const note = (verdicts: readonly Verdict[]) => {
        for (const verdict of verdicts) {
          const { detector, suspicions } = verdict;
          for (const { key } of suspicions) alarms.set(`${detector}: ${key}`, describe(verdict));
          if (verdict.missed.length > 0) missed.set(detector, (missed.get(detector) ?? 0) + 1);
        }
      };
      let swept = 0;
      const sweepOn = async () => {
        while (swept < SWEEPS) {
          const turn = swept;
          swept += 1;
          for (const [each, ids] of turns) {
            if (turn % each === 0 && ids.length > 0) note(await guest.sweep(...ids));
          }
          await sleep(PAUSE);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, sweepOn));
      for (const [detector, count] of missed) t.diagnostic(`${detector}: ${count} inconclusive`);
      const made = (await forks(guest)) - before;
      assert.ok(made > LEAST_FORKS, `the guest made ${made} processes, expected it to be busy`);
      assert.deepEqual([...alarms.values()], []);
    });
  }
});
