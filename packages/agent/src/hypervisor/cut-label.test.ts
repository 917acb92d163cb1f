import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCutLabel, parseCutLabels } from "./cut-label.ts";

test("parseCutLabels: finds what formatCutLabel wrote among other labels", () => {
  const process = { pid: 731, started: "1084.55", since: "1100.20" };
  assert.equal(formatCutLabel(process), "casemate:cut:731:1084.55:1100.20");
  const labels = ["prod", formatCutLabel(process), "casemate:cut:soon", "casemate:cut:0:1.00:2.00"];
  assert.deepEqual(parseCutLabels(labels), [process]);
});
