import assert from "node:assert/strict";
import { test } from "node:test";
import {
  hashPassword,
  isOutdated,
  isPassword,
  unmatchable,
  verifyPasswordPolicy,
} from "./password.ts";

test("isPassword: opens a hash of the reference implementation (phc-winner-argon2, test.c)", async () => {
  const hash =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  assert.equal(await isPassword("password", hash), true);
  assert.equal(await isPassword("passwore", hash), false);
  assert.equal(isOutdated(hash), true);
});

test("hashPassword: OWASP's parameters; the same characters are the same password; no two hashes alike", async () => {
  const hash = await hashPassword("Zu\u0308rich am Abend");
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  assert.equal(isOutdated(hash), false);
  assert.equal(await isPassword("Z\u00fcrich am Abend", hash), true);
  assert.notEqual(await hashPassword("Zu\u0308rich am Abend"), hash);
});

test("unmatchable: has the form of a hash, and no password opens it", async () => {
  assert.equal(await isPassword("", unmatchable()), false);
  assert.equal(isOutdated(unmatchable()), false);
});

test("isPassword: what is no hash of argon2id is data/damaged", async () => {
  for (const text of ["", "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAA", "$2b$12$x"]) {
    await assert.rejects(isPassword("x", text), { code: "data/damaged" });
  }
});

test("verifyPasswordPolicy: says what is wrong, and never the password", () => {
  const verify = (password: string) =>
    verifyPasswordPolicy(password, "alice", "alice.b@example.org");
  verify("correct horse battery staple");
  verify("äöüßéèêáàâ😀😀");
  for (const [password, seen] of [
    ["short", /5 characters/],
    ["aaaaaaaaaaaaaaaa", /repeats/],
    ["this is Alice's own", /holds "alice"/],
    ["casemate casemate", /holds "casemate"/],
    ["x1y2z".repeat(300), /too long/],
  ] as const) {
    assert.throws(() => verify(password), { code: "account/weak-password", message: seen });
    assert.throws(
      () => verify(password),
      (error: Error) => !error.message.includes(password),
    );
  }
});
