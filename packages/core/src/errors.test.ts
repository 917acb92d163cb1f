import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError, ExitCode, errorCatalogue, toCasemateError } from "./index.ts";

test("errorCatalogue: every entry says what to do next, in one sentence", () => {
  for (const [code, kind] of Object.entries(errorCatalogue)) {
    assert.match(kind.next, /^[A-Z].*\.$/, code);
    assert.ok(kind.status >= 400 && kind.status < 600, code);
    assert.notEqual(kind.exit, ExitCode.done, code);
  }
});

test("toCasemateError: keeps what is from the catalogue and wraps what is not", () => {
  const known = new CasemateError("vm/unknown", "Cannot find VM nosuch: 3 VMs are there.");
  assert.equal(toCasemateError(known), known);
  const cause = new TypeError("x is not a function");
  const wrapped = toCasemateError(cause);
  assert.equal(wrapped.code, "internal");
  assert.equal(wrapped.cause, cause);
});
