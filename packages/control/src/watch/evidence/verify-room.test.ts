import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { verifyRoom } from "./verify-room.ts";

test("verifyRoom: what has no room is refused before it begins, and it is said how much that takes", async () => {
  await verifyRoom(tmpdir(), 1);
  await assert.rejects(verifyRoom(tmpdir(), 2 ** 62), (thrown: Error & { code: string }) => {
    assert.equal(thrown.code, "disk/full");
    assert.match(thrown.message, /are free there, expected [\d.]+ [A-Z]iB at least\.$/);
    return true;
  });
});
