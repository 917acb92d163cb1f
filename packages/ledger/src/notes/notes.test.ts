import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { cosignNote, formatNote, parseNote, signNote, verifyNote } from "./signed-note.ts";
import { generateSigningKey, parseSigningKey } from "./signing-key.ts";
import { parseVerifierKey, SignatureType } from "./verifier-key.ts";

// The example in the documentation of golang.org/x/mod/sumdb/note, made by that implementation.
const go = {
  signer: "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n",
  verifier: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature:
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};

test("signNote, verifyNote: sign and verify as Go's own implementation does", () => {
  const key = parseSigningKey(go.signer, SignatureType.ed25519, "the example");
  assert.equal(key.verifier.text, go.verifier);
  const note = formatNote({ text: go.text, signatures: [signNote(go.text, key)] });
  assert.equal(note, `${go.text}\n${go.signature}`);
  const verifier = parseVerifierKey(go.verifier);
  assert.deepEqual(verifyNote(parseNote(note), [verifier]), [verifier]);
});

test("parseVerifierKey: reads the key of Go's checksum database", () => {
  const text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
  assert.equal(parseVerifierKey(text).text, text);
});

test("verifyNote: signatures by others are passed over, wrong ones by known keys are not", () => {
  const keys = ["a.test", "b.test", "c.test"].map((name) =>
    generateSigningKey(name, SignatureType.ed25519),
  );
  const text = "text\n\nwith an empty line\n";
  const signatures = keys.map((key) => signNote(text, key));
  const note = parseNote(formatNote({ text, signatures }));
  const known = keys.slice(1).map(({ verifier }) => verifier);
  assert.deepEqual(verifyNote(note, known), known);
  const changed = { ...note, text: "text\n\nwithout\n" };
  assert.throws(() => verifyNote(changed, known), { code: "ledger/unproven" });
  assert.deepEqual(verifyNote(changed, []), []);
});

test("cosignNote: signs what C2SP tlog-cosignature says, time included", () => {
  const witness = generateSigningKey("witness.test", SignatureType.cosignature);
  const text =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const own = cosignNote(text, witness, 1679315147);
  const note = parseNote(formatNote({ text, signatures: [own] }));
  assert.deepEqual(verifyNote(note, [witness.verifier]), [witness.verifier]);
  const later = Buffer.from(own.signature);
  later[7] = (later[7] ?? 0) + 1;
  const changed = { text, signatures: [{ ...own, signature: later }] };
  assert.throws(() => verifyNote(changed, [witness.verifier]), { code: "ledger/unproven" });
});

test("parseCheckpoint: reads the example of C2SP tlog-checkpoint", () => {
  const text =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const checkpoint = parseCheckpoint(text);
  assert.equal(checkpoint.origin, "example.com/behind-the-sofa");
  assert.equal(checkpoint.size, 20852163);
  assert.equal(formatCheckpoint(checkpoint), text);
  assert.deepEqual(parseCheckpoint(`${text}extension\n`), checkpoint);
});

test("parseNote: reads what formatNote writes; a changed character is never the same note", () => {
  const key = generateSigningKey("log.test", SignatureType.ed25519);
  const text = "log.test\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const note = formatNote({ text, signatures: [signNote(text, key)] });
  assert.equal(formatNote(parseNote(note)), note);
  const bytes = Buffer.from(note);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      const isAccepted = () =>
        verifyNote(parseNote(changed.toString("utf8")), [key.verifier]).length > 0;
      try {
        assert.equal(isAccepted(), false);
      } catch (thrown) {
        if (thrown instanceof assert.AssertionError) throw thrown;
        assert.match(String(Object(thrown).code), /^ledger\/(malformed|unproven)$/);
      }
    }),
  );
});
