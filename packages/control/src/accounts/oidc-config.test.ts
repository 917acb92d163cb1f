import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOidcConfig } from "./oidc-config.ts";

const good = { issuer: "https://id.example.org", clientId: "casemate" };

test("parseOidcConfig: takes what is whole, and refuses the rest without telling what stood there", () => {
  assert.deepEqual(parseOidcConfig(JSON.stringify(good), "oidc.json"), good);
  for (const wrong of [
    "{",
    JSON.stringify({ ...good, clientSecret: 12345 }),
    JSON.stringify({ ...good, secret: "hunter2" }),
    JSON.stringify({ ...good, issuer: "http://id.example.org" }),
    JSON.stringify({ ...good, roles: { claim: "groups", map: { a: ["root"] } } }),
  ]) {
    assert.throws(
      () => parseOidcConfig(wrong, "oidc.json"),
      (error: Error & { code?: string }) =>
        error.code === "config/invalid" && !/hunter2|12345/.test(error.message),
      wrong,
    );
  }
});
