import assert from "node:assert/strict";
import { test } from "node:test";
import { detectors } from "@casemate/inspect/detectors";
import { minute, openFindings, someVm } from "../../../test/findings.fixture.ts";
import { people } from "../../../test/spine.fixture.ts";
import { blindVerdict, suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { rebuildProjections } from "../../facts/rebuild-projections.ts";
import { findingId } from "./finding.ts";
import { MOST_RAISED } from "./plan-findings.ts";

const { sofia } = people;

test("Findings: the same thing in every sweep is one finding, and not told again", async (t) => {
  const { sweep, kinds, only, pass } = await openFindings(t);
  const before = suspicionOf("731");
  await sweep(verdictOf([before]));
  for (let i = 0; i < 5; i += 1) {
    pass(minute);
    await sweep(verdictOf([before]));
  }
  assert.deepEqual(await kinds(), ["raised"]);
  const finding = await only();
  assert.equal(finding.id, findingId(someVm.uuid, finding.detector, "731"));
  assert.equal(finding.state, "open");
  assert.equal(finding.severity, "high");
  assert.deepEqual(finding.details?.evidence, before.evidence);
  pass(10 * minute);
  await sweep(verdictOf([before]));
  assert.deepEqual(await kinds(), ["raised", "seen"]);
  assert.ok((await only()).lastSeen > finding.lastSeen);
});

test("Findings: what is judged otherwise is told at once, what looks otherwise with the next mark", async (t) => {
  const { sweep, kinds, only, pass } = await openFindings(t);
  await sweep(verdictOf([suspicionOf("731")]));
  pass(minute);
  await sweep(verdictOf([suspicionOf("731", { severity: "critical" })]));
  assert.deepEqual(await kinds(), ["raised", "changed"]);
  const renamed = suspicionOf("731", { severity: "critical", title: "Process 731 is another." });
  pass(minute);
  await sweep(verdictOf([renamed]));
  assert.deepEqual(await kinds(), ["raised", "changed"]);
  pass(11 * minute);
  await sweep(verdictOf([renamed]));
  assert.deepEqual(await kinds(), ["raised", "changed", "changed"]);
  assert.equal((await only()).details?.title, renamed.title);
});

test("Findings: gone is what a sweep that looked at everything does not see", async (t) => {
  const { sweep, only, findings } = await openFindings(t);
  await sweep(verdictOf([suspicionOf("1"), suspicionOf("2")]));
  await sweep(blindVerdict());
  await sweep(blindVerdict([suspicionOf("1")]));
  await sweep(verdictOf([], { consistency: "torn" }));
  assert.equal((await findings.list({ states: ["open"] })).length, 2);
  await sweep(verdictOf([suspicionOf("1")]));
  const [closed] = await findings.list({ states: ["closed"] });
  assert.deepEqual(closed?.closed, { by: "system:watch", because: "not seen any more" });
  await sweep(verdictOf([]));
  assert.equal((await findings.list({ states: ["open"] })).length, 0);
  await assert.rejects(only());
});

test("Findings: what a check was given is not what another was given, so nothing is gone by it", async (t) => {
  const { sweep, findings } = await openFindings(t);
  const detector = detectors.find(({ given }) => given !== undefined)?.id ?? "";
  await sweep(verdictOf([suspicionOf("1")], { detector }));
  await sweep(verdictOf([], { detector }));
  assert.equal((await findings.list({ states: ["open"] })).length, 1);
});

test("Findings: what comes back is open again, and does not come and go with each sweep", async (t) => {
  const { sweep, kinds, only, pass } = await openFindings(t);
  await sweep(verdictOf([suspicionOf("1")]));
  await sweep(verdictOf([]));
  await sweep(verdictOf([suspicionOf("1")]));
  assert.deepEqual(await kinds(), ["raised", "closed", "reopened"]);
  pass(minute);
  await sweep(verdictOf([]));
  assert.equal((await only()).state, "open");
  pass(30 * minute);
  await sweep(verdictOf([]));
  assert.equal((await only()).state, "closed");
});

test("Findings: acknowledged, it is quiet until then, and open after it if it is still there", async (t) => {
  const { sweep, kinds, only, pass, findings } = await openFindings(t);
  await sweep(verdictOf([suspicionOf("1")]));
  const { id } = await only();
  const until = new Date(Date.now() + 60 * minute).toISOString();
  const known = await findings.acknowledge(id.slice(0, 10), sofia, {
    ...{ until, note: "It is our own honeypot." },
  });
  assert.equal(known.state, "acknowledged");
  assert.deepEqual(known.acknowledged, { by: "account:sofia", until });
  assert.equal(known.note, "It is our own honeypot.");
  await sweep(verdictOf([suspicionOf("1")]));
  assert.equal((await only()).state, "acknowledged");
  pass(61 * minute);
  await sweep(verdictOf([suspicionOf("1")]));
  const again = await only();
  assert.equal(again.state, "open");
  assert.equal(again.acknowledged, undefined);
  assert.deepEqual(await kinds(), ["raised", "acknowledged", "reopened"]);
});

test("Findings: closed by hand, it is open again if it was not dealt with", async (t) => {
  const { sweep, only, findings, ledger } = await openFindings(t);
  await sweep(verdictOf([suspicionOf("1")]));
  const { id } = await only();
  const closed = await findings.close(id, sofia, "Rebooted.");
  assert.deepEqual(closed.closed, { by: "account:sofia", because: "dealt with" });
  const again = findings.close(id, sofia, "Rebooted.");
  await assert.rejects(again, { code: "finding/not-open" });
  await sweep(verdictOf([suspicionOf("1")]));
  assert.equal((await only()).state, "open");
  await assert.rejects(findings.get("00000000"), { code: "finding/unknown" });
  const [raised] = await Array.fromAsync(ledger.walk());
  assert.equal(JSON.stringify(raised?.body).includes("731"), false);
});

test("Findings: a guest that makes up suspicions does not fill the ledger", async (t) => {
  const { sweep, findings, pass } = await openFindings(t);
  const flood = (from: number) =>
    verdictOf(Array.from({ length: 150 }, (_, i) => suspicionOf(`${from + i}`)));
  assert.deepEqual(await sweep(flood(0)), { untold: 0 });
  assert.deepEqual(await sweep(flood(1_000)), { untold: 300 - MOST_RAISED });
  assert.equal((await findings.list()).length, MOST_RAISED);
  pass(2 * 60 * minute);
  assert.deepEqual(await sweep(flood(2_000)), { untold: 0 });
});

test("Findings: what the guest writes is bounded, and may be no text at all", async (t) => {
  const { sweep, only } = await openFindings(t);
  const long = "a".repeat(100_000);
  const evidence = Array.from({ length: 100 }, (_, i) => ({
    what: `${i} ${long}`,
    seen: "\ud800",
  }));
  const [one, ...others] = evidence;
  assert.ok(one);
  await sweep(verdictOf([suspicionOf("\udfff", { title: long, evidence: [one, ...others] })]));
  const { details } = await only();
  assert.ok(details !== undefined && details.title.length <= 4_000);
  assert.match(details.evidence.at(-1)?.what ?? "", /^\d+ more, which are not kept$/);
});

test("rebuildProjections: findings made anew from facts are what they were", async (t) => {
  const { sweep, only, pass, findings, directory, close } = await openFindings(t);
  await sweep(verdictOf([suspicionOf("1")]));
  const until = new Date(Date.now() + 60 * minute).toISOString();
  await findings.acknowledge((await only()).id, sofia, { until, note: "known" });
  pass(61 * minute);
  await sweep(verdictOf([suspicionOf("1"), suspicionOf("2")]));
  pass(11 * minute);
  await sweep(verdictOf([suspicionOf("1"), suspicionOf("2")]));
  await sweep(verdictOf([suspicionOf("1")]));
  await close();
  const { tables } = await rebuildProjections(directory);
  const rebuilt = tables.find(({ name }) => name === "findings");
  assert.deepEqual(rebuilt, { name: "findings", rows: 2, equal: true });
});
