import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findStep, hotp, stepOf, totpUri } from "./totp.ts";

test("hotp: the values of RFC 4226, appendix D", () => {
  const secret = Buffer.from("12345678901234567890");
  const expected = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split(
    " ",
  );
  assert.deepEqual(
    expected.map((_, counter) => hotp(secret, counter)),
    expected,
  );
});

test("hotp: the values of RFC 6238, appendix B, at the steps of their times", () => {
  const times = [59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000];
  const expected = {
    sha1: [20, "94287082 07081804 14050471 89005924 69279037 65353130"],
    sha256: [32, "46119246 68084774 67062674 91819424 90698825 77737706"],
    sha512: [64, "90693936 25091201 99943326 93441116 38618901 47863826"],
  } as const;
  for (const algorithm of ["sha1", "sha256", "sha512"] as const) {
    const [length, codes] = expected[algorithm];
    const secret = Buffer.from("1234567890".repeat(7).slice(0, length));
    const seen = times.map((time) => hotp(secret, stepOf(new Date(time * 1000)), 8, algorithm));
    assert.equal(seen.join(" "), codes);
  }
});

const anySecret = fc.uint8Array({ minLength: 20, maxLength: 20 });
const anyTime = fc.integer({ min: 300_000, max: 4_102_444_800_000 }).map((time) => new Date(time));

test("findStep: a code is good from one step before to one after, and no more once it was used", () => {
  fc.assert(
    fc.property(anySecret, anyTime, fc.integer({ min: -5, max: 5 }), (secret, now, off) => {
      const code = hotp(secret, stepOf(now) + off);
      const found = findStep(secret, code, now, null);
      if (Math.abs(off) <= 1) assert.ok(found !== undefined);
      if (found === undefined) return;
      assert.equal(hotp(secret, found), code); // two steps may have the same code by chance
      assert.ok(Math.abs(found - stepOf(now)) <= 1);
      const again = findStep(secret, code, now, found);
      assert.ok(again === undefined || again > found);
    }),
  );
});

test("findStep: what is no code of six digits is none, whatever it is", () => {
  fc.assert(
    fc.property(anySecret, anyTime, fc.string({ unit: "binary" }), (secret, now, text) => {
      fc.pre(!/^\d{6}$/.test(text));
      assert.equal(findStep(secret, text, now, null), undefined);
    }),
    { numRuns: 50 },
  );
  const secret = Buffer.alloc(20);
  const now = new Date(1_000_000);
  assert.equal(findStep(secret, `${hotp(secret, stepOf(now))}0`, now, null), undefined);
});

test("totpUri: is what authenticator apps read", () => {
  const url = new URL(totpUri(Buffer.from("12345678901234567890"), "alice"));
  assert.equal(url.protocol, "otpauth:");
  assert.equal(url.searchParams.get("secret"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
});
