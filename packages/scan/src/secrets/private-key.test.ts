import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeScratch, run } from "../system.fixture.ts";
import { parsePrivateKey } from "./private-key.ts";

const KINDS = [
  ["rsa", "1024"],
  ["ecdsa", "256"],
  ["ecdsa", "384"],
  ["ecdsa", "521"],
  ["ed25519", "256"],
] as const;

test("parsePrivateKey: fingerprints as ssh-keygen -l prints them, of OpenSSH, PKCS #1, #8 and SEC 1", () => {
  using scratch = makeScratch();
  for (const [type, bits] of KINDS) {
    const forms = type === "ed25519" ? ["RFC4716"] : ["RFC4716", "PKCS8", "PEM"];
    for (const form of forms) {
      for (const passphrase of ["", "open sesame"]) {
        const file = scratch.path(`${type}-${bits}-${form}-${passphrase.length}`);
        const args = [
          "-q",
          "-a",
          "1",
          "-t",
          type,
          "-b",
          bits,
          "-m",
          form,
          "-N",
          passphrase,
          "-f",
          file,
        ];
        run("ssh-keygen", ...args);
        const parsed = parsePrivateKey(readFileSync(file, "latin1"), 0)?.key;
        assert.equal(parsed?.protection, passphrase === "" ? "none" : "passphrase", file);
        const fingerprint = run("ssh-keygen", "-lf", `${file}.pub`).split(" ")[1];
        const isTold = passphrase === "" || form === "RFC4716";
        assert.equal(parsed?.publicKey?.fingerprint, isTold ? fingerprint : undefined, file);
      }
    }
  }
});

test("parsePrivateKey: what openssl says of a public key, and keys in JSON strings", () => {
  using scratch = makeScratch();
  for (const curve of ["ed448", "ed25519", "x25519"]) {
    const file = scratch.path(curve);
    run("openssl", "genpkey", "-algorithm", curve, "-out", file);
    const der = scratch.path(`${curve}.der`);
    run("openssl", "pkey", "-in", file, "-pubout", "-outform", "DER", "-out", der);
    const spki = run("openssl", "dgst", "-sha256", "-r", der).split(" ")[0];
    const pem = readFileSync(file, "latin1");
    const parsed = parsePrivateKey(pem, 0);
    assert.equal(parsed?.key.spki, spki);
    const json = JSON.stringify({ type: "service_account", private_key: pem });
    assert.deepEqual(parsePrivateKey(json, json.indexOf("-----BEGIN")), parsed);
  }
});

test("parsePrivateKey: PuTTY's public key is in clear, whichever its encryption", () => {
  using scratch = makeScratch();
  const file = scratch.path("key");
  run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file);
  const [, blob = ""] = readFileSync(`${file}.pub`, "latin1").split(" ");
  const ppk = (encryption: string) =>
    [
      "PuTTY-User-Key-File-3: ssh-ed25519",
      `Encryption: ${encryption}`,
      "Comment: who it is",
      "Public-Lines: 2",
      blob.slice(0, 64),
      blob.slice(64),
      "Private-Lines: 1",
      "AAAAIGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6MDEyMzQ1",
      `Private-MAC: ${"0".repeat(64)}`,
    ].join("\r\n");
  for (const [encryption, protection] of [
    ["none", "none"],
    ["aes256-cbc", "passphrase"],
  ] as const) {
    const key = parsePrivateKey(ppk(encryption), 0)?.key;
    assert.equal(key?.protection, protection);
    assert.equal(key?.publicKey?.fingerprint, run("ssh-keygen", "-lf", file).split(" ")[1]);
  }
});

test("parsePrivateKey: what has no body is none, and what OpenSSL refuses is not readable", () => {
  const pem = (body: string) =>
    `-----BEGIN RSA PRIVATE KEY-----\n${body}\n-----END RSA PRIVATE KEY-----\n`;
  assert.equal(parsePrivateKey(pem("..."), 0), undefined);
  assert.equal(parsePrivateKey("-----BEGIN PRIVATE KEY-----\nMIIB", 0), undefined);
  assert.equal(parsePrivateKey("-----BEGIN CERTIFICATE-----", 0), undefined);
  assert.equal(parsePrivateKey(pem("QUJD".repeat(40)), 0)?.key.protection, "unreadable");
});
