import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { SnapshotDescription } from "@casemate/agent";
import type { Verdict } from "@casemate/inspect";
import { usualDetectors } from "@casemate/inspect/detectors";
import { openFindings, someVm } from "../../../test/findings.fixture.ts";
import { suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { rebuildProjections } from "../../facts/rebuild-projections.ts";
import { cleanStatesIn, type SweptVm } from "./clean-states.ts";

const hour = 3_600_000;
const ids = usualDetectors.slice(0, 10).map(({ id }) => id);
const [first = "", second = ""] = ids;

/** A snapshot that was taken an hour ago, of a VM that runs since long before, and sweeps over it. */
async function open(t: TestContext) {
  const fixture = await openFindings(t);
  const { projections, facts, findings, sweep } = fixture;
  const states = cleanStatesIn(projections.db, facts, findings);
  const start = Date.now();
  const snapshot: SnapshotDescription = {
    ...{ name: "before", parent: undefined, current: true, description: undefined },
    ...{ createdAt: new Date(start - hour), state: "running", memory: { kind: "internal" } },
    ...{ disks: [], definitionDigest: undefined },
  };
  const judge = (id: string, others: readonly Verdict[]) =>
    others.find(({ detector }) => detector === id) ?? verdictOf([], { detector: id });
  return {
    ...{ ...fixture, states, snapshot, start },
    /** A sweep that finds nothing but what is said. */
    observe: async (others: readonly Verdict[] = [], more: Partial<SweptVm> = {}) => {
      const listedAt = new Date();
      const verdicts = ids.map((id) => judge(id, others));
      await sweep(...verdicts);
      const latest = verdicts.map(({ suspicions, ...verdict }) => ({
        ...{ ...verdict, suspicions: suspicions.length, at: new Date().toISOString() },
      }));
      await states.observe({
        ...{ vm: someVm, snapshots: [snapshot], listedAt, latest },
        since: new Date(start - 2 * hour),
        ...{ bootedAt: new Date(start - 2 * hour), permitted: ids.length, untold: false, ...more },
      });
    },
    only: async () => {
      const [known, ...others] = await states.of(someVm.uuid);
      assert.deepEqual(others, []);
      return known;
    },
  };
}

const blind = (detector: string) =>
  verdictOf([], {
    ...{ detector, verdict: "inconclusive" },
    missed: [{ what: "everything", reason: "It was away." }],
  });

test("CleanStates: a snapshot is known clean once sweeps after it have found nothing", async (t) => {
  const { observe, only, directory, close } = await open(t);
  await observe([blind(first), blind(second), blind(ids[2] ?? "")]);
  assert.equal(await only(), undefined, "too few could look");
  await observe([blind(first)]);
  const known = await only();
  assert.equal(known?.name, "before");
  assert.deepEqual([known.looked, known.total, known.unseen], [9, 10, [first]]);
  await observe();
  assert.deepEqual(await only(), known, "that is said once");
  await close();
  const { tables } = await rebuildProjections(directory);
  for (const { name, equal } of tables) assert.ok(equal, name);
});

test("CleanStates: what looked before it was seen to be there, or in another run, tells nothing", async (t) => {
  const { observe, only, start } = await open(t);
  const early = ids.map((detector) => {
    const { suspicions, ...verdict } = verdictOf([], { detector });
    return { ...verdict, suspicions: suspicions.length, at: new Date(start - 1).toISOString() };
  });
  await observe([], { latest: early });
  assert.equal(await only(), undefined);
  await observe([], { since: new Date(start) });
  assert.equal(await only(), undefined);
  await observe([], { untold: true });
  assert.equal(await only(), undefined);
  await observe();
  assert.equal((await only())?.name, "before");
});

test("CleanStates: where something was found since it was taken it is not known, also when that went away", async (t) => {
  const { observe, only } = await open(t);
  await observe([verdictOf([suspicionOf("1")], { detector: first })]);
  assert.equal(await only(), undefined);
  await observe();
  assert.equal(await only(), undefined);
});

test("CleanStates: what may have been there already has it doubted, for good", async (t) => {
  for (const [told, key, detector] of [
    ["by one that had not seen all", "1", first],
    ["by when it began", "process 731 started at 3000.00", second],
  ] as const) {
    await t.test(told, async (inner) => {
      const { observe, only, findings } = await open(inner);
      await observe([blind(first)]);
      await observe([verdictOf([suspicionOf(key)], { detector })]);
      const [finding] = await findings.list();
      assert.equal((await only())?.doubtedBy, finding?.id);
      await observe();
      assert.equal((await only())?.doubtedBy, finding?.id);
    });
  }
});

test("CleanStates: what came later leaves it clean", async (t) => {
  const { observe, only } = await open(t);
  await observe([blind(first)]);
  assert.equal((await only())?.name, "before");
  const later = [suspicionOf("2"), suspicionOf("process 731 started at 4000.00")];
  await observe([verdictOf(later, { detector: second })]);
  const known = await only();
  assert.equal(known?.doubtedBy, undefined);
  await observe([verdictOf([suspicionOf("process 9 started at 4000.00")], { detector: second })], {
    bootedAt: undefined,
  });
  assert.notEqual((await only())?.doubtedBy, undefined, "nobody knows when the guest booted");
});
