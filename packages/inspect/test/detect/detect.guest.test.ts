import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ensureImage, labCacheDir } from "@casemate/lab";
import { withoutReleases } from "../truth/kernel-table.ts";
import { cases } from "./cases.ts";
import { chosen } from "./chosen.ts";
import { type CaseOutcome, type DetectorAnswers, formatDetectorPage } from "./detector-page.ts";
import type { GuestKind } from "./guest-kinds.ts";
import { startGuest } from "./start-guest.ts";
import { askAtRest, describe, tryCase } from "./try-case.ts";

const page = join(import.meta.dirname, "../../../../docs/detectors.md");

const ids = chosen.detectors.map(({ id }) => id);
const answered = new Map<GuestKind, DetectorAnswers>();

/** Without KVM a guest keeps one core busy: two of them are done sooner. */
test("detectors: find what was tampered with, and nothing else", { concurrency: 2 }, async (t) => {
  await ensureImage({ cacheDir: labCacheDir });
  await Promise.all(
    chosen.kinds.map((kind) =>
      t.test(`${kind.title}, ${kind.cpu}`, async (t) => {
        await using started = await startGuest(kind);
        const { guest, release } = started;
        const untouched = new Map<string, string>();
        const outcomes: CaseOutcome[] = [];
        answered.set(kind, { title: kind.title, release, untouched, outcomes });

        for (const verdict of await askAtRest(guest, ids)) {
          const { detector, missed } = verdict;
          const [first] = missed;
          const why = first === undefined ? "" : `: ${first.what}: ${first.reason}`;
          untouched.set(detector, `${verdict.verdict}${why}`);
          await t.test(`${detector}: says nothing of a guest as it is`, () => {
            assert.deepEqual(verdict.suspicions, [], describe(verdict));
          });
        }
        for (const verdict of await guest.sweepWith([], ...ids)) {
          await t.test(`${verdict.detector}: without leave to read is not clean`, () => {
            assert.equal(verdict.verdict, "inconclusive");
          });
        }
        for (const tried of cases.filter(({ detector }) => ids.includes(detector))) {
          const without = tried.without?.(guest.kernel);
          if (without !== undefined) {
            outcomes.push({ tried, outcome: { without } });
            continue;
          }
          let outcome: CaseOutcome["outcome"] = "otherwise";
          await t.test(`${tried.detector}: ${tried.claim}`, async () => {
            await tryCase(guest, tried);
            outcome = "as expected";
          });
          outcomes.push({ tried, outcome });
        }
      }),
    ),
  );
});

test("docs/detectors.md: says of each kernel and detector what was found", {
  skip: chosen.isWhole ? false : "only some were tried",
}, async () => {
  const text = formatDetectorPage(
    chosen.kinds.flatMap((kind) => answered.get(kind) ?? []),
    cases,
  );
  if (chosen.write) await writeFile(page, text);
  assert.equal(withoutReleases(await readFile(page, "utf8")), withoutReleases(text));
});
