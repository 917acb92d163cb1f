import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson } from "./canonical-json.ts";
import type { JsonValue } from "./json-value.ts";

const anyJson = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>; // fast-check's own type for the same

/** The same value, the members of its objects in another order. */
function shuffled(value: JsonValue): JsonValue {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(shuffled);
  const members = Object.entries(value).map(([key, member]) => [key, shuffled(member)] as const);
  return Object.fromEntries(members.reverse());
}

test("canonicalJson: parses back to the same value, and again to the same text", () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      const text = canonicalJson(value);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalJson(JSON.parse(text)), text);
    }),
  );
});

test("canonicalJson: the order of members does not matter", () => {
  fc.assert(
    fc.property(anyJson, (value) =>
      assert.equal(canonicalJson(shuffled(value)), canonicalJson(value)),
    ),
  );
});

test("canonicalJson: writes what RFC 8785, 3.2.2 writes", () => {
  const value = JSON.parse(`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
    "literals": [null, true, false]
  }`);
  assert.equal(
    canonicalJson(value),
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
});

test("canonicalJson: sorts by UTF-16 code units, as RFC 8785, 3.2.3 does", () => {
  const keys = ["\u20ac", "\r", "\ufb33", "1", "\u{1f600}", "\u0080", "\u00f6"];
  const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
  assert.deepEqual(
    [...text.matchAll(/"([^"]+)":0/g)].map((match) => JSON.parse(`"${match[1]}"`)),
    ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\u{1f600}", "\ufb33"],
  );
  assert.equal(canonicalJson(-0), "0");
});

test("canonicalJson: refuses what JSON has no form for", () => {
  const deep = JSON.parse("[".repeat(101) + "]".repeat(101));
  const none = undefined as unknown as JsonValue; // what a caller without types may pass
  const date = new Date() as unknown as JsonValue; // the same
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "\ud800", { "\udc00": 1 }, deep]) {
    assert.throws(() => canonicalJson(value), { code: "json/unsupported" });
  }
  for (const value of [none, date, [none], { a: none }]) {
    assert.throws(() => canonicalJson(value), { code: "json/unsupported" });
  }
});
