import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileEvent } from "@casemate/control";
import { apiVersion } from "@casemate/core";
import { describeFileEvent } from "./file-event.ts";

const at = "2026-01-02T03:04:05.000Z";
const event = (fields: Omit<FileEvent, "apiVersion" | "kind" | "at">): FileEvent => ({
  ...{ apiVersion, kind: "FileEvent", at },
  ...fields,
});

test("describeFileEvent: a line for each kind, and nothing in it steers a terminal", () => {
  const lines = [
    event({ what: "read", files: 7 }),
    event({ what: "created", path: "/etc/new", inode: 9, stat: { type: "directory" } }),
    event({ what: "moved", path: "/b", from: "/a", inode: 9 }),
    event({ what: "contents", path: "/b", inode: 9, ranges: [{ start: 0, end: 4096 }] }),
    event({
      ...{ what: "metadata", path: "/b", inode: 9 },
      changes: { mode: { from: 0o644, to: 0o4755 }, modifiedMs: { from: 0, to: 1000 } },
    }),
    event({ what: "deleted", path: "/\u001b[2J", inode: 9, stat: { type: "file" } }),
    event({ what: "missed", path: "/home", code: "disk/damaged", reason: "Cannot read it." }),
  ].map(describeFileEvent);
  assert.deepEqual(lines.slice(0, 5), [
    `${at}  read      7 files and directories: what follows is what changes`,
    `${at}  created   /etc/new/`,
    `${at}  moved     /b  (from /a)`,
    `${at}  contents  /b  (0–4096)`,
    `${at}  metadata  /b  (mode 0644 → 4755, modifiedMs 1970-01-01T00:00:00.000Z → 1970-01-01T00:00:01.000Z)`,
  ]);
  assert.ok(lines.every((line) => !line.includes("\u001b") && !line.includes("\n")));
  assert.equal(lines[6], `${at}  missed    /home: Cannot read it.`);
});
