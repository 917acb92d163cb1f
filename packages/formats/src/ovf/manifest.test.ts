import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FileDigest, formatManifest, parseManifest } from "./manifest.ts";

const digest: fc.Arbitrary<FileDigest> = fc
  .constantFrom<readonly [FileDigest["algorithm"], number]>(
    ["sha1", 20],
    ["sha256", 32],
    ["sha512", 64],
  )
  .chain(([algorithm, length]) =>
    fc.record(
      {
        name: fc.stringMatching(/^[A-Za-z0-9 ()=_-][A-Za-z0-9 ()=._-]{0,30}$/),
        algorithm: fc.constant(algorithm),
        digest: fc
          .uint8Array({ minLength: length, maxLength: length })
          .map((octets) => Buffer.from(octets).toString("hex")),
      },
      { noNullPrototype: true },
    ),
  );

test("formatManifest: what it writes is read as the same", () => {
  fc.assert(
    fc.property(fc.uniqueArray(digest, { selector: ({ name }) => name, maxLength: 5 }), (files) =>
      assert.deepEqual([...parseManifest(formatManifest(files)).values()], files),
    ),
  );
});

test("parseManifest: as ovftool, VirtualBox and openssl write it", () => {
  const sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
  for (const line of [
    `SHA1(a.ovf)= ${sha1}\n`,
    `SHA1 (a.ovf) = ${sha1}\r\n`,
    `sha1(a.ovf)=${sha1.toUpperCase()}`,
  ]) {
    assert.deepEqual(parseManifest(line).get("a.ovf"), {
      ...{ name: "a.ovf", algorithm: "sha1", digest: sha1 },
    });
  }
});

test("parseManifest: what is no digest, leads elsewhere or comes twice is package/malformed", () => {
  const hex = "a".repeat(64);
  for (const text of [
    "nothing",
    `MD5(a)= ${"a".repeat(32)}`,
    `SHA256(a)= ${"a".repeat(40)}`,
    `SHA256(../a)= ${hex}`,
    `SHA256(/etc/shadow)= ${hex}`,
    `SHA256(a)= ${hex}\nSHA1(a)= ${"a".repeat(40)}`,
  ]) {
    assert.throws(() => parseManifest(text), { code: "package/malformed" }, text);
  }
});
