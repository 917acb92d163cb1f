import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSarif } from "./format-sarif.ts";
import { leakedKey, makeReport } from "./report.fixture.ts";
import type { ScanReport } from "./scan-report.ts";

const runOf = (report: ScanReport) => JSON.parse(JSON.stringify(formatSarif(report))).runs[0];
const { vulnerabilities: _, findings: __, ...unasked } = makeReport();

test("formatSarif: results by rules, at their paths in the system", () => {
  const { results, tool } = runOf(makeReport());
  const [first, , unfixed, key] = results;
  assert.equal(
    first.message.text,
    "libssl3 3.0.11-1 has CVE-2024-5535: fixed in 3.0.14-1~deb12u1.",
  );
  assert.equal(first.level, "error");
  assert.equal(first.rank, 91);
  assert.deepEqual(first.locations[0].physicalLocation.artifactLocation, {
    uri: "var/lib/dpkg/status",
    uriBaseId: "SYSTEM",
  });
  assert.equal(unfixed.level, "warning");
  assert.equal(key.properties.kind, "secret");
  assert.deepEqual(key.locations[0].physicalLocation.region, { startLine: 7 });
  for (const { ruleId, ruleIndex } of results)
    assert.equal(tool.driver.rules[ruleIndex].id, ruleId);
  assert.equal(tool.driver.rules.length, 3);
  assert.equal(tool.driver.rules[0].properties["security-severity"], "9.1");
});

test("formatSarif: a guest's names stay names: no path outside, no link, no placeholder", () => {
  const { results } = runOf({ ...unasked, findings: [leakedKey] });
  const [{ message, locations }] = results;
  const { uri } = locations[0].physicalLocation.artifactLocation;
  assert.equal(`/${decodeURIComponent(uri)}`, leakedKey.path.replace("//", "/"));
  assert.doesNotMatch(uri, /[^\w.~%/!'()*-]/);
  assert.equal(message.text.includes("]("), false);
  assert.match(message.text, /\{\{0\}\}/);
});

test("formatSarif: the same finding has the same fingerprint when its line and version change", () => {
  const fingerprints = (report: ScanReport) =>
    runOf(report).results.map((each: { partialFingerprints: object }) => each.partialFingerprints);
  const [before] = fingerprints({ ...unasked, findings: [leakedKey] });
  const [moved] = fingerprints({ ...unasked, findings: [{ ...leakedKey, line: 9 }] });
  const [other] = fingerprints({ ...unasked, findings: [{ ...leakedKey, identity: ["0a"] }] });
  assert.deepEqual(moved, before);
  assert.notDeepEqual(other, before);
});

test("formatSarif: what could not be looked at is told, and never a clean run", () => {
  const missed = [
    { what: "/srv/[x](y)", code: "disk/damaged", reason: "Cannot read it." },
    { what: "partition 2 of disk 0", code: "disk/unsupported", reason: "Cannot read it." },
  ] as const;
  const [invocation] = runOf({ ...unasked, findings: [], missed }).invocations;
  assert.equal(invocation.executionSuccessful, false);
  const [file, volume] = invocation.toolExecutionNotifications;
  assert.deepEqual(file.descriptor, { id: "disk/damaged" });
  assert.equal(file.message.text, "/srv/[x]\\(y): Cannot read it.");
  assert.equal("locations" in volume, false);
  const clean = runOf({ ...unasked, findings: [] });
  assert.equal(clean.invocations[0].executionSuccessful, true);
  assert.deepEqual(clean.results, []);
  assert.equal("results" in runOf(unasked), false, "nothing was looked for");
});
