import assert from "node:assert/strict";
import { test } from "node:test";
import { actions } from "@casemate/policy";
import type { ScannedStates } from "../scans/scanned-states.ts";
import { checkVm } from "./check-vm.ts";
import { followVm } from "./follow-vm.ts";
import { inspectVm } from "./inspect-vm.ts";
import { operations } from "./operations.ts";
import { type EvidenceService, saveEvidence } from "./save-evidence.ts";
import { scanVm } from "./scan-vm.ts";

const ids = operations.map(({ id }) => id);

test("operations: each but looks is an action of the policy, once", () => {
  const known = new Set(actions.map(({ id }) => id));
  assert.deepEqual(
    ids.filter((id) => !known.has(id)),
    [inspectVm.id, checkVm.id, followVm.id],
  );
  assert.equal(new Set(ids).size, ids.length);
});

const noSalt = () => assert.fail("nothing is scanned here");

test("operations: every vm action but reading has one", () => {
  // A scan and evidence are kept, and so are made with the place for them.
  const kept = [scanVm({} as ScannedStates, noSalt), saveEvidence({} as EvidenceService)]; // they keep nothing here
  const made = [...ids, ...kept.map(({ id }) => id)];
  // The right to the whole RAM, as those to look: evidence is saved with it.
  const rights = ["vm.read", "vm.evidence.memory"];
  const wanted = actions
    .map(({ id }) => id)
    .filter((id) => id.startsWith("vm.") && !rights.includes(id) && !id.startsWith("vm.inspect."));
  assert.deepEqual(
    wanted.filter((id) => !made.includes(id)),
    [],
  );
});

test("inspectVm: needs an action for each class of data, and one for the pause", () => {
  assert.deepEqual(inspectVm.needs({ view: "processes" }), ["vm.inspect.kernelMetadata"]);
  const known = new Set(actions.map(({ id }) => id));
  for (const [view, argument] of [["processes"], ["kernel"], ["files", "1"], ["maps", "1"]]) {
    const needs = inspectVm.needs({ view, argument, pause: {} });
    assert.ok(needs.length >= 2);
    assert.equal(needs.at(-1), "vm.inspect.pause");
    assert.deepEqual(
      needs.filter((id) => !known.has(id)),
      [],
    );
  }
});

test("operations: what has an answer for its requester alone goes on beside others", () => {
  const attended = operations.filter((operation) => operation.attended);
  assert.deepEqual(
    attended.map(({ id, shared }) => [id, shared]),
    [
      ["vm.console", true],
      ["vm.inspect", true],
      ["vm.check", true],
      ["vm.follow", true],
    ],
  );
});

test("scanVm: what stands in a guest's files needs the right to that", () => {
  const { needs } = scanVm({} as ScannedStates, noSalt); // it keeps nothing here
  assert.deepEqual(needs({}), ["vm.scan"]);
  assert.deepEqual(needs({ only: ["packages", "users"] }), ["vm.scan"]);
  assert.deepEqual(needs({ only: ["packages", "schedules"] }), [
    "vm.scan",
    "vm.inspect.fileContents",
  ]);
});

test("scanVm: what runs needs the right to look into memory", () => {
  const { needs } = scanVm({} as ScannedStates, noSalt); // it keeps nothing here
  assert.deepEqual(needs({ running: true }), ["vm.scan", "vm.inspect.kernelMetadata"]);
});

test("saveEvidence: what processes and files hold needs the right to that", () => {
  const { needs } = saveEvidence({} as EvidenceService); // it keeps nothing here
  const plain = ["vm.evidence.save", "vm.inspect.kernelMetadata", "vm.inspect.kernelText"];
  assert.deepEqual(needs({}), plain);
  assert.deepEqual(needs({ all: true }), [
    ...plain,
    "vm.inspect.userMemory",
    "vm.inspect.fileContents",
  ]);
});

test("saveEvidence: the whole RAM needs the right to it and to all that it holds, and a pause one more", () => {
  const { needs } = saveEvidence({} as EvidenceService); // it keeps nothing here
  const whole = [...needs({ all: true }), "vm.evidence.memory"];
  assert.deepEqual(needs({ memory: {} }), whole);
  assert.deepEqual(needs({ memory: { pause: {} } }), [...whole, "vm.inspect.pause"]);
});
