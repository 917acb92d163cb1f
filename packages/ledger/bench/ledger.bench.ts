/**
 * Durable facts a second with 64 writers, beside what the storage itself does with the same batches; proofs out of
 * a million facts. Arguments: where to write (default: the system's directory for temporary files), and facts.
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { milliseconds } from "@casemate/core";
import {
  type FactDraft,
  Ledger,
  LedgerReader,
  parseVerifierKey,
  proveFacts,
  verifyLedgerProof,
} from "../src/index.ts";

const WRITERS = 64;
const SECONDS = 4;
const [, , where = tmpdir(), count = "1000000"] = process.argv;
const FACTS = Number(count);
const origin = "bench.test/ledger";

const rows: string[][] = [["what", "measured", "limit or peer", "ratio"]];

function draft(i: number): FactDraft {
  return {
    kind: "operation/completed",
    actor: "account:alice",
    subject: "vm:5b1c9a52-7c0e-4c6e-9d3f-0f4a2f9f0a11",
    body: { operation: "vm.start", request: i, host: "kvm1", outcome: "done", took: 1234 },
  };
}

/** Facts a second that writers get acknowledged, each waiting for its own before the next. */
async function measureAppends(ledger: Ledger, writers: number, seconds: number): Promise<number> {
  let done = 0;
  const started = performance.now();
  const end = started + seconds * 1000;
  const write = async () => {
    while (performance.now() < end) {
      await ledger.append(draft(done));
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  return (done / (performance.now() - started)) * 1000;
}

/** Records a second that the storage takes, `batch` of them for each fdatasync, and nothing else done. */
async function measureStorage(directory: string, batch: number, seconds: number): Promise<number> {
  await using file = await open(join(directory, "raw"), "w");
  const bytes = Buffer.alloc(batch * 350, 1); // a fact of the above, with what the journal adds
  let batches = 0;
  const started = performance.now();
  while (performance.now() < started + seconds * 1000) {
    await file.write(bytes);
    await file.datasync();
    batches += 1;
  }
  return ((batches * batch) / (performance.now() - started)) * 1000;
}

const perSecond = (rate: number) => `${Math.round(rate).toLocaleString("en")}/s`;
const ms = (time: number) => `${time.toFixed(3)} ms`;
const median = (times: readonly number[]) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

const directory = await mkdtemp(join(where, "casemate-bench-"));
try {
  {
    await using ledger = await Ledger.open(join(directory, "ledger"), { origin });
    await measureAppends(ledger, WRITERS, 1); // compiles what is used often
    const storage = await measureStorage(directory, WRITERS, SECONDS / 2);
    const rate = await measureAppends(ledger, WRITERS, SECONDS);
    const alone = await measureAppends(ledger, 1, SECONDS / 2);
    const single = await measureStorage(directory, 1, SECONDS / 2);
    const ratio = (ours: number, theirs: number) => (ours / theirs).toFixed(2);
    rows.push(
      [`durable facts, ${WRITERS} writers`, perSecond(rate), "at least 5,000/s", ratio(rate, 5000)],
      ["", "", `fdatasync of ${WRITERS} at a time: ${perSecond(storage)}`, ratio(rate, storage)],
      [
        "durable facts, 1 writer",
        perSecond(alone),
        `fdatasync: ${perSecond(single)}`,
        ratio(alone, single),
      ],
    );

    const started = performance.now();
    const first = ledger.size;
    for (let i = first; i < FACTS; i += 4096) {
      const batch = Math.min(4096, FACTS - i);
      await Promise.all(Array.from({ length: batch }, (_, j) => ledger.append(draft(i + j))));
    }
    await ledger.checkpoint();
    const seconds = (performance.now() - started) / 1000;
    rows.push([`filling up to ${FACTS} facts`, perSecond((FACTS - first) / seconds), "–", "–"]);
  }
  const opening = performance.now();
  {
    await using ledger = await Ledger.open(join(directory, "ledger"), {
      origin,
      checkpointAfter: milliseconds(60_000),
    });
    rows.push([`opening with ${ledger.size} facts`, ms(performance.now() - opening), "–", "–"]);
  }
  const proving: number[] = [];
  const verifying: number[] = [];
  for (let i = 0; i < 300; i += 1) {
    const reader = await LedgerReader.open(join(directory, "ledger")); // nothing read before
    const index = Math.floor(Math.random() * reader.size);
    let started = performance.now();
    const proof = await proveFacts(reader, [index]);
    proving.push(performance.now() - started);
    const key = parseVerifierKey(proof.firstKey);
    started = performance.now();
    verifyLedgerProof(proof, key);
    verifying.push(performance.now() - started);
  }
  const proveMs = median(proving);
  const verifyMs = median(verifying);
  rows.push(
    [
      "proof of a fact, nothing cached (median)",
      ms(proveMs),
      "under 5 ms",
      (proveMs / 5).toFixed(2),
    ],
    ["verification of it (median)", ms(verifyMs), "under 1 ms", verifyMs.toFixed(2)],
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}
const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
for (const row of rows)
  console.log(
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
