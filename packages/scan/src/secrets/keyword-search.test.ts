import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeywordSearch } from "./keyword-search.ts";

test("KeywordSearch.walk: every place that a search for each keyword finds, in their order", () => {
  const letters = fc.constantFrom(..."abAB/-");
  const word = fc.array(letters, { minLength: 4, maxLength: 7 }).map((all) => all.join(""));
  const keywords = fc.uniqueArray(word, {
    minLength: 1,
    maxLength: 8,
    selector: (each) => each.toLowerCase(),
  });
  const text = fc.array(letters, { maxLength: 300 }).map((all) => all.join(""));
  fc.assert(
    fc.property(keywords, text, fc.nat(50), (words, bytes, from) => {
      const found = [...new KeywordSearch(words).walk(Buffer.from(bytes), from, bytes.length)];
      const expected: string[] = [];
      for (let at = from; at < bytes.length; at += 1) {
        for (const [i, each] of words.entries()) {
          const there = bytes.slice(at, at + each.length).toLowerCase();
          if (there === each.toLowerCase()) expected.push(`${at} ${i}`);
        }
      }
      assert.deepEqual(found.map(({ at, keyword }) => `${at} ${keyword}`).sort(), expected.sort());
    }),
  );
});
