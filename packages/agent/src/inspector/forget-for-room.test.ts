import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "@casemate/core";
import { forgetForRoom } from "./forget-for-room.ts";

test("forgetForRoom: with less room first what dear detectors keep goes, then all that only spares reading", () => {
  const kept = ["forged-credentials", "foreign-code", "kernel-text", "module-text"];
  const left = (liveBytes: number) => {
    let ids: readonly string[] = kept;
    const guest = {
      forget(isGone: (id: string) => boolean) {
        ids = ids.filter((id) => !isGone(id));
      },
    };
    forgetForRoom([guest], liveBytes);
    return ids;
  };
  assert.deepEqual(left(100 * MiB), kept);
  assert.deepEqual(left(300 * MiB), ["forged-credentials", "foreign-code"]);
  assert.deepEqual(left(400 * MiB), ["forged-credentials"]);
});
