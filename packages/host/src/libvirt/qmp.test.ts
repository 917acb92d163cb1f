import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import { parseQmpReply } from "./qmp.ts";

const command = { execute: "x-y" };

const refused = (words: RegExp) => (error: unknown) =>
  error instanceof CasemateError && error.code === "libvirt/failed" && words.test(error.message);

test("parseQmpReply: what QEMU returned", () => {
  assert.deepEqual(parseQmpReply(command, '{"return":{"a":[1,-2]},"id":"libvirt-3"}'), {
    a: [1, -2],
  });
});

test("parseQmpReply: integers that a double cannot hold stay exact", () => {
  assert.deepEqual(
    parseQmpReply(command, '{"return":[18446744073709551615,9007199254740991,1.5]}'),
    [18446744073709551615n, 9007199254740991, 1.5],
  );
});

test("parseQmpReply: QEMU's refusal in QEMU's words", () => {
  assert.throws(
    () => parseQmpReply(command, '{"error":{"class":"GenericError","desc":"no such thing"}}'),
    refused(/x-y: QEMU said GenericError "no such thing"/),
  );
});

test("parseQmpReply: an answer that is not one is refused", () => {
  for (const text of ["", "nothing", "null", "[]", "{}", '{"error":null}', '{"error":7}']) {
    assert.throws(() => parseQmpReply(command, text), refused(/x-y/), text);
  }
});
