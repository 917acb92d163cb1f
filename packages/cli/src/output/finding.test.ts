import assert from "node:assert/strict";
import { test } from "node:test";
import type { FindingDocument } from "@casemate/control";
import type { Context } from "../context.ts";
import { printFinding, printFindings } from "./finding.ts";
import { outputTo } from "./output.ts";

/** A finding that a guest wrote all it could into. */
const finding: FindingDocument = {
  apiVersion: "casemate/v1",
  kind: "Finding",
  id: "a83712a22de78ca724ae162a8f1c82d6",
  vm: { uuid: "u", name: "web01", host: "h", networks: [], labels: [] },
  detector: "hidden-processes",
  title: "Process \u001b[2J731 is hidden.",
  severity: "critical",
  severityBy: "rule kernel-taken-over",
  because: "It hides.\u009b0m",
  techniques: ["T1014"],
  needs: ["kernelMetadata"],
  remediation: "Isolate it.",
  evidence: [
    {
      what: "task \u001b]0;x\u0007",
      address: "0xffff888001234000",
      expectedBytes: "55",
      seenBytes: "cc",
      disassembly: ["int3\u001b[0m"],
      path: ["init_task", "tasks"],
    },
  ],
  state: "acknowledged",
  firstSeen: "2026-01-05T08:00:00.000Z",
  lastSeen: "2026-01-05T09:00:00.000Z",
  changedAt: "2026-01-05T08:30:00.000Z",
  acknowledged: { by: "account:sofia", until: "2026-02-01T00:00:00.000Z" },
  note: "Ours.",
  responses: [
    {
      ...{ id: "r", rule: "hold", response: "pause", operation: "vm.pause", state: "rehearsed" },
      ...{ at: "2026-01-05T08:00:01.000Z", decision: "needs-approval", steps: ["Pause web01."] },
    },
  ],
};

/** What `print` writes. */
function written(print: (context: Context) => void): string {
  let text = "";
  const stream = { isTTY: false, write: (more: string) => (text += more) };
  const options = { json: false, noColour: true, terminal: "dumb" };
  const output = outputTo(stream as unknown as NodeJS.WriteStream, options); // it only writes
  print({ output } as Context); // printing needs no more of it
  return text;
}

test("printFinding: all that is told of it, and nothing that steers a terminal", () => {
  const text = written((context) => printFinding(finding, context));
  assert.doesNotMatch(text, /[^\P{C}\n]/u);
  for (const said of [
    "critical, says rule kernel-taken-over",
    "T1014 Rootkit",
    "2026-02-01T00:00:00.000Z, says account:sofia",
    "at 0xffff888001234000",
    "init_task → tasks",
    "dry run: needs-approval",
    "Pause web01.",
  ]) {
    assert.ok(text.includes(said), said);
  }
});

test("printFindings: a line each, and how many more there are", () => {
  const { apiVersion: _, kind: __, responses: ___, ...item } = finding;
  const list = { apiVersion: finding.apiVersion, kind: "FindingList", total: 3 } as const;
  const text = written((context) => printFindings({ ...list, items: [item] }, context));
  assert.match(text, /^a83712a22de7 +critical +web01 +Process .*731 is hidden\./m);
  assert.match(text, /and 2 more/);
  assert.doesNotMatch(text, /[^\P{C}\n]/u);
});
