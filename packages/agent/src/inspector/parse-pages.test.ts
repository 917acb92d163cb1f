import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { mostPages } from "../guest-pages.ts";
import { parseAnswer } from "./messages.ts";

const page = {
  address: "0xffffffff81000000",
  physical: "0x1000000",
  path: [{ table: "pgd", at: "0x2a0ff8", entry: "0x2a1067" }],
  base64: Buffer.alloc(4096, 0xcc).toString("base64"),
};
const answer = {
  pages: [page],
  missed: [{ what: "0xffff888000000000", reason: "Cannot read memory." }],
  consistency: "consistent",
  elapsedMs: 1.5,
};

test("parsePages: takes pages as they are", () => {
  assert.deepEqual(parseAnswer(JSON.parse(JSON.stringify(answer))), answer);
});

test("parsePages: malformed answers are inspect/crashed, whatever they are", () => {
  const crashes = (value: unknown) =>
    assert.throws(() => parseAnswer(value), { code: "inspect/crashed" }, JSON.stringify(value));
  for (const odd of [
    { address: "0xffffffff81000000; rm" },
    { address: "../../etc/passwd" },
    { physical: 4096 },
    { physical: `0x${"0".repeat(17)}` },
    { path: [{ table: "root", at: "0x1", entry: "0x1" }] },
    { path: Array.from({ length: 6 }, () => page.path[0]) },
    { base64: Buffer.alloc(4095).toString("base64") },
    { base64: "" },
  ]) {
    crashes({ ...answer, pages: [{ ...page, ...odd }] });
  }
  crashes({ ...answer, pages: Array.from({ length: mostPages + 1 }, () => page) });
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (pages, missed) => {
      try {
        parseAnswer({ ...answer, pages, missed });
      } catch (thrown) {
        assert.ok(thrown instanceof CasemateError);
        assert.equal(thrown.code, "inspect/crashed");
      }
    }),
  );
});
