import assert from "node:assert/strict";
import { test } from "node:test";
import { relyingPartyAt } from "./relying-party.ts";

test("relyingPartyAt: a name as it is, an address as localhost", () => {
  for (const [url, id, origin] of [
    ["https://127.0.0.1:7443", "localhost", "https://localhost:7443"],
    ["https://[::1]:7443", "localhost", "https://localhost:7443"],
    ["https://casemate.example.org", "casemate.example.org", "https://casemate.example.org"],
  ] as const) {
    assert.deepEqual(relyingPartyAt(url), { id, origins: [origin] });
  }
});
