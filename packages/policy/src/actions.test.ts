import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { schemaFile } from "../test/shipped.ts";
import { schemaToJson } from "./cedar.ts";
import { findSchemaProblems, SHIPPED_SCHEMA } from "./check-schema.ts";
import { actionGroups, actions, walkGroups } from "./index.ts";

test("actions: the shipped schema declares the same, with the same words", () => {
  const answer = schemaToJson(schemaFile.text);
  assert.ok(answer.type === "success");
  const declared = Object.entries(answer.json[""]?.actions ?? {}).map(([id, action]) => ({
    id,
    summary: action.annotations?.["doc"],
    in: (action.memberOf ?? []).map((parent) => parent.id).sort(),
  }));
  const wanted = [...actionGroups, ...actions].map(({ id, summary, in: groups }) => ({
    id,
    summary,
    in: groups.toSorted(),
  }));
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
  assert.deepEqual(declared.sort(byId), wanted.sort(byId));
});

test("checkSchema: the shipped schema, which it does not look at again, is right", () => {
  assert.deepEqual(findSchemaProblems(schemaFile), []);
  const digest = createHash("sha256").update(schemaFile.text).digest("hex");
  assert.equal(SHIPPED_SCHEMA, digest, "the schema changed: so must SHIPPED_SCHEMA");
});

test("actions: every group is there, and no name twice", () => {
  const all = [...actionGroups, ...actions];
  const ids = all.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const each of all) for (const group of each.in) assert.ok(ids.includes(group), group);
});

test("walkGroups: the action, its groups and theirs, each once", () => {
  assert.deepEqual(walkGroups("vm.start"), ["vm.start", "operate", "launch", "change"]);
  assert.deepEqual(walkGroups("nothing"), ["nothing"]);
});
