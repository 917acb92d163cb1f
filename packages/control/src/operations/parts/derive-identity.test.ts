import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deriveIdentity } from "./derive-identity.ts";

test("deriveIdentity: well-formed, the same for one request, another for another", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), (one, two) => {
      const { uuid, tag, mac } = deriveIdentity(one);
      assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.match(tag, /^[0-9a-f]{8}$/);
      assert.deepEqual(deriveIdentity(one).uuid, uuid);
      assert.match(mac(0, new Set()), /^52:54:00(:[0-9a-f]{2}){3}$/);
      assert.notEqual(mac(0, new Set()), mac(1, new Set()));
      assert.notEqual(mac(0, new Set([mac(0, new Set())])), mac(0, new Set()));
      if (one !== two) assert.notEqual(deriveIdentity(two).uuid, uuid);
    }),
  );
});
