import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChanges } from "./parse-changes.ts";

const place = { path: "/etc/shadow", inode: 12 };

test("parseChanges: takes what a follower says", () => {
  const answers = [
    { files: 3, missed: [{ what: "/a", code: "disk/damaged", reason: "it is" }] },
    {
      events: [
        { kind: "created", ...place, stat: { inode: 12, type: "file", mode: 0o640 } },
        { kind: "moved", ...place, from: "/etc/shadow-" },
        { kind: "contents", ...place, ranges: [{ start: 0, end: 9 }] },
        { kind: "metadata", ...place, changes: { mode: { from: 1, to: 2 } } },
      ],
      missed: [],
    },
  ];
  for (const answer of answers) assert.deepEqual(parseChanges(answer), answer);
  const failed = parseChanges({ error: { code: "vm/gone", message: "no" } });
  assert.deepEqual(failed, { error: { code: "inspect/crashed", message: "no" } });
});

test("parseChanges: refuses what no follower says", () => {
  const answers = [
    null,
    [],
    { events: {}, missed: [] },
    { events: [] },
    { events: [{ kind: "owned", ...place }], missed: [] },
    { events: [{ kind: "moved", ...place }], missed: [] },
    { events: [{ kind: "moved", ...place, from: "x".repeat(70_000) }], missed: [] },
    { events: [{ kind: "contents", ...place, ranges: [{ start: "0" }] }], missed: [] },
    { events: [{ kind: "created", ...place }], missed: [] },
    { files: 1, missed: [{}] },
  ];
  for (const answer of answers) {
    assert.throws(() => parseChanges(answer), { code: "inspect/crashed" });
  }
});
