import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExtractorAnswer } from "./messages.ts";

test("parseExtractorAnswer: what an extractor has to say, and nothing else", () => {
  const size = { bytes: 4_128, ramBytes: 4_096 };
  const progress = { passed: 4_096, changed: 0, isOver: true };
  for (const answer of [size, progress]) {
    assert.deepEqual(parseExtractorAnswer(answer), answer);
    assert.deepEqual(parseExtractorAnswer({ ...answer, more: "dropped" }), answer);
    for (const name of Object.keys(answer).filter((each) => each !== "isOver")) {
      for (const value of [-1, "1", null, Number.NaN]) {
        const odd = { ...answer, [name]: value };
        assert.throws(() => parseExtractorAnswer(odd), { code: "inspect/crashed" }, name);
      }
    }
  }
  assert.deepEqual(parseExtractorAnswer({ ...progress, isOver: "yes" }), {
    ...progress,
    isOver: false,
  });
  for (const answer of [null, [], "done", 1]) {
    assert.throws(() => parseExtractorAnswer(answer), { code: "inspect/crashed" });
  }
});

test("parseExtractorAnswer: an error counts if it is one that copying may have", () => {
  const errorOf = (code: string) => parseExtractorAnswer({ error: { code, message: "no" } });
  assert.deepEqual(errorOf("disk/full"), { error: { code: "disk/full", message: "no" } });
  assert.deepEqual(errorOf("auth/denied"), { error: { code: "inspect/crashed", message: "no" } });
});
