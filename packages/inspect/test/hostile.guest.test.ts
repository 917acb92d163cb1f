import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ensureFuzzDump, fuzzGuests } from "../fuzz/fuzz-dump.ts";
import type { FuzzReport } from "../fuzz/fuzz-report.ts";
import { formatReport } from "../fuzz/run-fuzz.ts";
import { superviseFuzz } from "../fuzz/supervise.ts";

const folder = join(import.meta.dirname, "..", "fuzz");

/** Mutants of each guest, 12,000 in all; attaching to one takes as long as ten looks. */
const targets = [
  { target: "views", count: 4_800 },
  { target: "detectors", count: 1_000 },
  { target: "attach", count: 200 },
] as const;

/** Every run the same: what fails here fails everywhere. */
const SEED = 1_000_000;

for (const { target, count } of targets) {
  test(`hostile memory: ${count} mutants of two guests, looked at by ${target}.fuzz.ts`, async (t) => {
    const program = join(folder, `${target}.fuzz.ts`);
    const dumps = await Array.fromAsync(fuzzGuests, ensureFuzzDump);
    const reports = await Promise.all(
      dumps.map((dump, i) => superviseFuzz({ program, dump, seed: (i + 1) * SEED, count })),
    );
    for (const [i, report] of reports.entries()) {
      t.diagnostic(formatReport(report));
      assertClean(report, `node ${program} --dump ${dumps[i]}`, count);
    }
  });
}

function assertClean({ failures, mutants }: FuzzReport, command: string, count: number): void {
  const words = failures.map(({ seed, message }) => {
    return `${command} --seed ${seed} --count 1\n${message}`;
  });
  assert.deepEqual(words, []);
  assert.equal(mutants, count);
}
