import assert from "node:assert/strict";
import { test } from "node:test";
import { element, formatXml } from "./xml.ts";

test("formatXml: nests, indents and keeps text on its line", () => {
  const domain = element("domain", { type: "qemu" }, element("name", {}, "a"), element("pae"));
  assert.equal(formatXml(domain), '<domain type="qemu">\n  <name>a</name>\n  <pae/>\n</domain>\n');
});

test("formatXml: nothing in text or attributes can end them", () => {
  const hostile = `"/><x a='1'>&amp;\n`;
  const escaped = "&quot;/&gt;&lt;x a=&apos;1&apos;&gt;&amp;amp;&#10;";
  assert.equal(formatXml(element("a", { b: hostile })), `<a b="${escaped}"/>\n`);
  assert.equal(formatXml(element("a", {}, hostile)), `<a>${escaped}</a>\n`);
});

test("formatXml: characters that XML has not are refused", () => {
  assert.throws(() => formatXml(element("a", { b: "\u0001" })), { code: "internal" });
  assert.throws(() => formatXml(element("a", {}, "\ud800")), { code: "internal" });
});
