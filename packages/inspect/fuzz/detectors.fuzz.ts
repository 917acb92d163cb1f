/**
 * Has every detector look at dumps whose structures were changed where the detector reads them.
 *
 *     node packages/inspect/fuzz/detectors.fuzz.ts --dump FILE [--seed N] [--count N]
 */
import assert from "node:assert/strict";
import { type AnyDetector, detectors } from "../src/detect/detectors.ts";
import { LookReport } from "../src/detect/look-report.ts";
import {
  attach,
  DATA_CLASSES,
  type DataClass,
  type Grant,
  Interview,
  type Kernel,
  type PeerGuest,
  ProfileCache,
  type SignatureMatcher,
} from "../src/index.ts";
import { mutate, type Target } from "./mutate.ts";
import { MutatedMemory } from "./mutated-memory.ts";
import { openDump } from "./open-dump.ts";
import { Prng } from "./prng.ts";
import { ReadRecorder } from "./read-recorder.ts";
import { runFuzz } from "./run-fuzz.ts";
import { type Outcome, verifyOutcome } from "./verify-outcome.ts";

/** Looks have less than by default, which is what those take that never end. */
const BUDGET_MS = 1_000;
/** What one suspicion may be long; names in it are the guest's. */
const MAX_TEXT = 256 * 1024;

/** Rules that all memory matches. */
const anything: SignatureMatcher = {
  allMemory: true,
  match: () => [
    { rule: "any", namespace: "fuzz", found: [{ pattern: "$a", offset: 1, length: 2 }] },
  ],
};

await runFuzz(async (dump) => {
  const base = await openDump(dump);
  const memory = new MutatedMemory(base);
  const profiles = new ProfileCache();
  const kernel = attach(memory, { profiles });
  const grant = kernel.grant(...DATA_CLASSES);
  const peer = peerOf(attach(base, { profiles }));
  const recorder = new ReadRecorder(base, (index) => memory.clean(index));
  const recorded = attach(recorder, { profiles }).grant(...DATA_CLASSES);
  const targets = detectors.map((detector): { detector: AnyDetector; target: Target } => {
    recorder.take();
    check(detector, recorded, peer, 60_000);
    return { detector, target: { reads: recorder.take(), facts: kernel.facts } };
  });

  return (seed) => {
    const prng = new Prng(seed);
    const { detector, target } = prng.pick(targets);
    memory.reset();
    mutate(memory, target, prng);
    const look = () => check(detector, grant, peer, BUDGET_MS);
    return `${detector.id} ${verifyOutcome(BUDGET_MS, look)}`;
  };
});

/** The guest as it was before anything was changed. */
function peerOf(kernel: Kernel): PeerGuest {
  const grant = kernel.grant("kernelMetadata", "kernelText");
  const look: PeerGuest["look"] = (read) =>
    grant.look((access) => read(access), { milliseconds: BUDGET_MS }).value;
  return { buildId: kernel.facts.buildId, look };
}

/** One look of a detector; what it tells must be such that it can be shown and kept. */
function check(
  detector: AnyDetector,
  grant: Grant<DataClass>,
  peer: PeerGuest,
  milliseconds: number,
): Outcome {
  let report = new LookReport();
  const { damaged } = grant.look(
    (access, budget) => {
      report = new LookReport();
      detector.check(access, {
        budget,
        files: undefined,
        signatures: anything,
        interview: new Interview(),
        peers: [peer],
        kept: new Map(),
        sound: new Map(),
        allowances: { rawSockets: [], codeMakers: [] },
        report: (suspicion) => report.add(suspicion),
        looked: (count) => report.look(count),
        missed: (what, reason, count) => report.miss(what, reason, count),
      });
    },
    { milliseconds },
  );
  for (const suspicion of report.suspicions) {
    const text = JSON.stringify(suspicion);
    assert.ok(text.length < MAX_TEXT, `a suspicion of ${text.length} characters`);
    assert.ok(suspicion.key.isWellFormed() && suspicion.title.isWellFormed(), "a broken text");
  }
  const { looked, total } = report.coverage;
  assert.ok(Number.isSafeInteger(looked) && looked <= total, `${looked} of ${total} things`);
  return damaged.length > 0 || report.missed.length > 0 ? "damaged" : "rows";
}
