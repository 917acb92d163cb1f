/**
 * Looks through every view at dumps whose structures were changed where the view reads them.
 *
 *     node packages/inspect/fuzz/views.fuzz.ts --dump FILE [--seed N] [--count N]
 */
import {
  type AnyView,
  attach,
  DATA_CLASSES,
  ProfileCache,
  processSockets,
  signalTarget,
  views,
} from "../src/index.ts";
import { argumentOf } from "./argument-of.ts";
import { lookAt } from "./look-at.ts";
import { mutate, type Target } from "./mutate.ts";
import { MutatedMemory } from "./mutated-memory.ts";
import { openDump } from "./open-dump.ts";
import { Prng } from "./prng.ts";
import { ReadRecorder } from "./read-recorder.ts";
import { runFuzz } from "./run-fuzz.ts";

/** What looks have: mostly less than by default, which is what those take that never end. */
const BUDGETS_MS = [1_000, 1_000, 1_000, 2_000] as const;
/** One look in so many is at a guest that changes under it. */
const LIVE_ODDS = 4;
/** One mutant in so many is attached to anew. */
const ATTACH_ODDS = 8;

/** Those that nobody chooses, too. */
const allViews: readonly AnyView[] = [...views, signalTarget, processSockets];

await runFuzz(async (dump) => {
  const base = await openDump(dump);
  const memory = new MutatedMemory(base);
  const profiles = new ProfileCache();
  const kernel = attach(memory, { profiles });
  const grant = kernel.grant(...DATA_CLASSES);
  const recorder = new ReadRecorder(base, (index) => memory.clean(index));
  const recorded = attach(recorder, { profiles }).grant(...DATA_CLASSES);
  const targets = allViews.map((view): { view: AnyView; target: Target } => {
    recorder.take();
    try {
      recorded.read(view, { milliseconds: 60_000 }, argumentOf(view));
    } catch {
      // What it read until then is a target too.
    }
    return { view, target: { reads: recorder.take(), facts: kernel.facts } };
  });

  return (seed) => {
    const prng = new Prng(seed);
    const { view, target } = prng.pick(targets);
    memory.reset();
    mutate(memory, target, prng);
    if (prng.oneIn(LIVE_ODDS)) changeBetweenLooks(memory, prng);
    const milliseconds = prng.pick(BUDGETS_MS);
    const anew = () =>
      attach(memory, { profiles, budget: { milliseconds } }).grant(...DATA_CLASSES);
    const outcome = lookAt(view, milliseconds, prng.oneIn(ATTACH_ODDS) ? anew : () => grant);
    return `${view.id} ${outcome}`;
  };
});

/** Says that the guest is live, and lets the changes come and go. */
function changeBetweenLooks(memory: MutatedMemory, prng: Prng): void {
  memory.live = true;
  const steady = prng.below(4);
  let refreshes = 0;
  memory.onRefresh = () => {
    refreshes += 1;
    memory.hideChanges(refreshes > steady && refreshes % 2 === 0);
  };
}
