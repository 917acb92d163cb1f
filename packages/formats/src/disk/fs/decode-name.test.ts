import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeName } from "./decode-name.ts";

test("decodeName: UTF-8 as it is, each other byte as PEP 383 has it", () => {
  for (const name of ["plain", "größe", "\u{1f5c3}", "\ufffd"]) {
    assert.equal(decodeName(Buffer.from(name)), name);
  }
  assert.equal(decodeName(Buffer.from([0x61, 0xe4, 0x62])), "a\udce4b");
  assert.equal(decodeName(Buffer.from([0xc3, 0xb6, 0xc3])), "ö\udcc3");
  assert.equal(decodeName(Buffer.from([0xf0, 0x9f, 0x97])), "\udcf0\udc9f\udc97");
});

test("decodeName: no two names of other bytes are the same", () => {
  const name = fc.uint8Array({ maxLength: 12 });
  fc.assert(
    fc.property(name, name, (a, b) => {
      assert.equal(
        decodeName(Buffer.from(a)) === decodeName(Buffer.from(b)),
        Buffer.from(a).equals(b),
      );
    }),
    { numRuns: 5000 },
  );
});
