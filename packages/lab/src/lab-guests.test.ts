import assert from "node:assert/strict";
import { test } from "node:test";
import { planGuests } from "./lab-guests.ts";

test("planGuests: the same place has the same identities, another has others", () => {
  const here = planGuests("/a");
  assert.deepEqual(planGuests("/a"), here);
  const all = [...here, ...planGuests("/b")];
  assert.equal(new Set(all.map(({ uuid }) => uuid)).size, 6);
  assert.equal(new Set(all.map(({ mac }) => mac)).size, 6);
  for (const { uuid, mac } of all) {
    assert.match(uuid, /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    assert.match(mac, /^52:54:00(:[\da-f]{2}){3}$/);
  }
});
