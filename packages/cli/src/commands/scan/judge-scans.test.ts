import assert from "node:assert/strict";
import { test } from "node:test";
import type { Secret } from "@casemate/scan";
import { type JudgedScan, judgeScans } from "./judge-scans.ts";

const nothing: JudgedScan = { found: {}, missed: [] };
const missed = [{ what: "/", code: "disk/damaged", reason: "no" }] as const;
const secret = (severity: Secret["severity"]): JudgedScan => {
  const key = { kind: "private-key", rule: "r", path: "/k", fingerprint: "f" } as const;
  return {
    ...nothing,
    found: { secrets: [{ ...key, severity, format: "openssh", protection: "none" }] },
  };
};
const hit = { path: "/x", rule: "r", namespace: "n", tags: [], matches: [] };

test("judgeScans: 2 where somebody is to look, 3 where not all was looked at, 0 else", () => {
  assert.equal(judgeScans([nothing, { found: { secrets: [], malware: [] }, missed: [] }]), 0);
  assert.equal(judgeScans([secret("negligible"), secret("low")]), 0);
  assert.equal(judgeScans([nothing, secret("medium")]), 2);
  assert.equal(judgeScans([{ found: { malware: [hit] }, missed }]), 2);
  assert.equal(judgeScans([{ found: { malware: [{ ...hit, severity: "low" }] }, missed: [] }]), 0);
  assert.equal(judgeScans([{ found: {}, missed }]), 3);
  assert.equal(judgeScans([{ ...nothing, state: { consistency: "torn" } }]), 3);
  const uncovered = [{ ecosystem: "PyPI", packages: 1 }] as never; // how many is all that is asked
  assert.equal(judgeScans([{ ...nothing, vulnerabilities: { findings: [], uncovered } }]), 3);
  const findings = [{}] as never; // see above
  assert.equal(judgeScans([{ found: {}, missed, vulnerabilities: { findings, uncovered } }]), 2);
});
