import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { printable } from "./printable.ts";

test("printable: leaves readable text alone", () => {
  for (const text of ["kworker/0:1-events", "grün 日本 🙂", "[kthreadd]"]) {
    assert.equal(printable(text), text);
  }
});

test("printable: disarms what terminals act on", () => {
  assert.equal(printable("ev\u001b[31mil\nx"), "ev\\x1b[31mil\\nx");
  assert.equal(printable("a\u202eb\u0000\u009b"), "a\\u202eb\\x00\\x9b");
  assert.equal(printable("\ud800x"), "\\ud800x");
});

test("printable: no text comes out with control characters, and no two texts come out the same", () => {
  const anything = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(anything, (text) => {
      assert.doesNotMatch(printable(text), /\p{Cc}|\p{Zl}|\p{Zp}|\p{Bidi_Control}/u);
    }),
  );
  fc.assert(
    fc.property(anything, anything, (a, b) => {
      assert.equal(printable(a) === printable(b), a === b);
    }),
  );
});
