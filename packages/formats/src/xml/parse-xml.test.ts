import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { childElements, elementAt, formatXml, parseXml, textAt } from "../index.ts";

const limits = { what: "a test", code: "definition/malformed", maxCharacters: 4096 } as const;

const refused = (text: string, words: RegExp): void =>
  assert.throws(() => parseXml(text, limits), { code: "definition/malformed", message: words });

test("parseXml: reads elements, attributes and text, and writes them again", () => {
  const text = `<a x="1 &amp; 2"><!-- </a> --><b>one</b><n:b xmlns:n="urn:n">two</n:b><![CDATA[<c>]]></a>`;
  const root = parseXml(text, limits);
  assert.equal(root.getAttribute("x"), "1 & 2");
  assert.deepEqual(
    childElements(root, "b").map((element) => element.textContent),
    ["one", "two"],
  );
  assert.equal(textAt(root, "b"), "one");
  assert.equal(elementAt(root, "b", "c"), undefined);
  assert.equal(formatXml(parseXml(formatXml(root), limits)), formatXml(root));
});

test("parseXml: refuses what could expand, nest or grow without bound", () => {
  refused(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, /declares a document type/);
  refused(`<a>${" ".repeat(5000)}</a>`, /expected at most 4096/);
  refused("<a>".repeat(65) + "</a>".repeat(65), /at most 64 levels/);
  refused(`<!--${"</a>".repeat(100)}-->${"<é>".repeat(65)}${"</é>".repeat(65)}`, /64 levels/);
});

test("parseXml: what is no well-formed XML is an error of the caller's, whatever it is", () => {
  for (const text of [
    "",
    "a",
    "<a>",
    "<a></b>",
    "<a/><b/>",
    "<a b=c/>",
    "<!--",
    "<a>&nosuch;</a>",
  ]) {
    refused(text, /^Cannot read a test: /);
  }
  const piece = fc.constantFrom(
    "<",
    ">",
    "/",
    "a",
    '"',
    "'",
    "=",
    "!",
    "--",
    "[CDATA[",
    "]]>",
    "&",
    "?",
    " ",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        parseXml(pieces.join(""), limits);
      } catch (thrown) {
        assert.ok(thrown instanceof CasemateError);
      }
    }),
  );
});
