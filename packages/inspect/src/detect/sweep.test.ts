import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError, type Gva, gva } from "@casemate/core";
import { type BuiltGuest, buildGuest, type GuestOptions } from "../../test/guest-builder.ts";
import { attach } from "../kernel/attach.ts";
import { DATA_CLASSES } from "../kernel/data-class.ts";
import { walkProcesses } from "../views/processes.ts";
import { type Detector, defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";
import { type SweepOptions, sweep } from "./sweep.ts";

const suspicion = (key: string): Suspicion => ({
  key,
  title: key,
  severity: "high",
  because: "it is made up",
  techniques: ["T1014"],
  evidence: [{ what: key }],
  remediation: "none",
});

type Check = Detector<"kernelMetadata">["check"];

const detector = (check: Check, id = "made-up", cost: Detector["cost"] = "low") =>
  defineDetector({
    id,
    title: "Made up",
    techniques: ["T1014"],
    needs: ["kernelMetadata"],
    cost,
    blindTo: ["everything"],
    check,
  });

/** What one detector, or several, say of a built guest. */
async function sweepBuilt(
  checks: Check | readonly Detector<"kernelMetadata">[],
  options: Partial<SweepOptions> = {},
  guest: GuestOptions | BuiltGuest = {},
) {
  const built = "memory" in guest ? guest : buildGuest(guest);
  const verdicts = await sweep(attach(built.memory), {
    detectors: typeof checks === "function" ? [detector(checks)] : checks,
    classes: DATA_CLASSES,
    budget: 2_000,
    allowances: { rawSockets: [], codeMakers: [] },
    kept: new Map(),
    ...options,
  });
  const [first] = verdicts;
  assert.ok(first !== undefined);
  return { first, verdicts };
}

test("sweep: clean where all was looked at and nothing was found", async () => {
  const { first } = await sweepBuilt(({ kernel }, inspection) => {
    for (const _ of walkProcesses(kernel)) inspection.looked();
  });
  assert.equal(first.verdict, "clean");
  assert.equal(first.detector, "made-up");
  assert.deepEqual(first.coverage, { looked: 3, total: 3 });
  assert.equal(first.looks, 1);
  assert.equal(first.steps, 3);
  assert.equal(first.consistency, "consistent");
});

test("sweep: of a dump one look is enough", async () => {
  const { first } = await sweepBuilt((_, { report }) => report(suspicion("a")));
  assert.equal(first.verdict, "suspicious");
  assert.equal(first.looks, 1);
});

test("sweep: of a guest that runs only what every look sees is told", async () => {
  let looks = 0;
  const check: Check = (_, { report }) => {
    looks += 1;
    report(suspicion("always"));
    if (looks !== 3) report(suspicion("nearly always"));
    if (looks > 1) report(suspicion("too late"));
  };
  const { first } = await sweepBuilt(check, {}, { live: true });
  assert.deepEqual(
    first.suspicions.map(({ key }) => key),
    ["always"],
  );
  assert.equal(first.verdict, "suspicious");
  assert.equal(first.looks, 5);
});

test("sweep: what the second look does not see again is clean, and no third is needed", async () => {
  let looks = 0;
  const check: Check = (_, { report }) => {
    looks += 1;
    if (looks === 1) report(suspicion("in the middle of a change"));
  };
  const { first } = await sweepBuilt(check, {}, { live: true });
  assert.equal(first.verdict, "clean");
  assert.equal(first.looks, 2);
});

test("sweep: a look in which the guest never held still acquits nobody", async () => {
  let attempts = 0;
  const check: Check = ({ kernel }, { report }) => {
    attempts += 1;
    // The second look is torn at each of its four attempts, and sees nothing.
    const isTorn = attempts > 1 && attempts <= 5;
    if (isTorn) kernel.markTorn();
    else report(suspicion("always"));
  };
  const { first } = await sweepBuilt(check, {}, { live: true });
  assert.equal(first.verdict, "suspicious");
  assert.equal(first.looks, 9);
});

test("sweep: a fact is told once, and of very many only that they are too many", async () => {
  const { first } = await sweepBuilt((_, { report }) => {
    for (let i = 0; i < 300; i += 1) report(suspicion(`${i % 150}`));
  });
  assert.equal(first.suspicions.length, 100);
  assert.match(first.missed[0]?.reason ?? "", /more than 100/);
});

test("sweep: a detector without leave for its data does not run and is inconclusive", async () => {
  const { first } = await sweepBuilt(() => assert.fail("it ran"), { classes: ["userMemory"] });
  assert.equal(first.verdict, "inconclusive");
  assert.deepEqual(first.coverage, { looked: 0, total: 1 });
  assert.match(first.missed[0]?.reason ?? "", /leave to read kernelMetadata/);
});

test("sweep: one that has used up its budget is inconclusive, and the others look", async () => {
  const { verdicts } = await sweepBuilt(
    [
      detector((_, { budget, report }) => {
        report(suspicion("found before"));
        for (;;) budget.step();
      }, "endless"),
      detector((_, { looked }) => looked(), "quick"),
    ],
    { budget: 20 },
  );
  assert.deepEqual(
    verdicts.map(({ detector: id, verdict }) => [id, verdict]),
    [
      ["endless", "suspicious"],
      ["quick", "clean"],
    ],
  );
  assert.match(verdicts[0]?.missed[0]?.reason ?? "", /expected at most|ms at most/);
});

test("sweep: detectors of high cost have ten times the time", async () => {
  const seen: number[] = [];
  const note: Check = (_, { budget }) => void seen.push(budget.milliseconds);
  await sweepBuilt([detector(note, "one"), detector(note, "other", "high")], { budget: 30 });
  assert.deepEqual(seen, [30, 300]);
});

test("sweep: damage that a detector goes on without makes it inconclusive", async () => {
  const nowhere = gva(0x4141_4141_4141_4141n);
  const { first } = await sweepBuilt(({ kernel }, { looked }) => {
    looked();
    kernel.attempt(() => kernel.memory.u64(nowhere), "task_struct", nowhere);
  });
  assert.equal(first.verdict, "inconclusive");
  assert.deepEqual(first.coverage, { looked: 1, total: 2 });
  assert.match(first.missed[0]?.what ?? "", /task_struct at 0x4141/);
});

test("sweep: damage that breaks the check off leaves what it found", async () => {
  const { first } = await sweepBuilt(({ kernel }, { report }) => {
    report(suspicion("found before"));
    kernel.memory.u64(gva(0x4141_4141_4141_4141n));
  });
  assert.equal(first.verdict, "suspicious");
  assert.equal(first.missed[0]?.what, "the rest");
});

test("sweep: what this kernel does not have is missed, not clean", async () => {
  const { first } = await sweepBuilt(({ kernel }) => kernel.symbol("no_such_symbol"));
  assert.equal(first.verdict, "inconclusive");
  assert.match(first.missed[0]?.reason ?? "", /no such symbol/);
});

test("sweep: files that the host cannot read are missed", async () => {
  const { first } = await sweepBuilt(() => {
    throw new CasemateError("disk/damaged", "Cannot read the disk: it is cut short.");
  });
  assert.equal(first.verdict, "inconclusive");
});

test("sweep: a guest that changes under every look is not clean", async () => {
  const guest = buildGuest({ live: true });
  const { first } = await sweepBuilt(
    ({ kernel }, { looked }) => {
      const task = kernel.struct("task_struct");
      const head: Gva = task.address("tasks")(kernel.symbol("init_task"));
      kernel.link(head);
      looked();
      const place = Number(head - guest.textBase) + guest.physicalBase;
      const { view } = guest.memory;
      view.setBigUint64(place, view.getBigUint64(place, true) ^ 8n, true);
    },
    {},
    guest,
  );
  assert.equal(first.verdict, "inconclusive");
  assert.equal(first.consistency, "torn");
  assert.equal(first.missed[0]?.what, "one moment");
  // Four attempts at once, and as many after each of four waits.
  assert.equal(first.looks, 20);
});

test("sweep: nothing is kept of an attempt that tore", async () => {
  const guest = buildGuest({ live: true });
  let attempts = 0;
  const { first } = await sweepBuilt(
    ({ kernel }, { report, looked }) => {
      attempts += 1;
      looked();
      if (attempts > 1) return;
      report(suspicion("torn"));
      kernel.markTorn();
    },
    {},
    guest,
  );
  assert.equal(first.verdict, "clean");
  assert.equal(first.consistency, "retried");
  assert.deepEqual(first.coverage, { looked: 1, total: 1 });
});

test("sweep: each detector keeps its own from sweep to sweep, and is told what is allowed", async () => {
  const kept: SweepOptions["kept"] = new Map();
  const allowances = { rawSockets: ["dhclient"], codeMakers: ["java"] };
  const seen: unknown[] = [];
  const count: Check = (_, inspection) => {
    const before = Number(inspection.kept.get("count") ?? 0);
    inspection.kept.set("count", before + 1);
    seen.push(before, inspection.allowances);
  };
  const options = { kept, allowances };
  await sweepBuilt([detector(count, "one")], options);
  await sweepBuilt([detector(count, "one"), detector(count, "other")], options);
  assert.deepEqual(seen, [0, allowances, 1, allowances, 0, allowances]);
});

test("sweep: ends where it is told to", async () => {
  const kernel = attach(buildGuest({ live: true }).memory);
  const stop = new AbortController();
  const options: SweepOptions = {
    detectors: [
      detector((_, { report }) => {
        report(suspicion("a"));
        stop.abort();
      }),
    ],
    classes: DATA_CLASSES,
    budget: 2_000,
    allowances: { rawSockets: [], codeMakers: [] },
    kept: new Map(),
  };
  await assert.rejects(sweep(kernel, options, stop.signal), { name: "AbortError" });
});

test("sweep: what looks for one verdict found sound is forgotten with it", async () => {
  const known: boolean[] = [];
  const options = { kept: new Map() };
  for (let sweeps = 0; sweeps < 2; sweeps += 1) {
    await sweepBuilt(
      (_, inspection) => {
        known.push(inspection.sound.has("page"));
        inspection.sound.set("page", true);
        inspection.report(suspicion("again"));
      },
      options,
      { live: true },
    );
  }
  assert.equal(known.filter((each) => !each).length, 2);
  assert.ok(known.length > 2);
});
