import assert from "node:assert/strict";
import { test } from "node:test";
import { apiVersion, CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseLeaf } from "./facts/leaf.ts";
import { parseSealedBodies } from "./facts/sealed-body.ts";
import { parseCheckpoint } from "./notes/checkpoint.ts";
import { parseNote, parseSignatureLine } from "./notes/signed-note.ts";
import { parseSigningKey } from "./notes/signing-key.ts";
import { parseVerifierKey, SignatureType } from "./notes/verifier-key.ts";
import { verifyLedgerProof } from "./proof/verify-ledger-proof.ts";
import { parseJournal } from "./storage/journal.ts";
import { parseKeyChain } from "./storage/key-chain.ts";
import { parseEntryBundle } from "./tiles/entry-bundle.ts";
import { parseAddCheckpoint } from "./witness/add-checkpoint.ts";
import { parseWitnesses } from "./witness/witnesses-file.ts";

const vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const key = parseVerifierKey(vkey);
const checkpoint = "a.test\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const bytesOf = (text: string) => Buffer.from(text, "latin1");

/** Every parser of this package, with something near to what it reads. */
const parsers: Readonly<Record<string, readonly [(text: string) => unknown, string]>> = {
  note: [parseNote, `${checkpoint}\n\u2014 a.test AAAAAAAA\n`],
  signatureLine: [parseSignatureLine, "\u2014 a.test AAAAAAAA"],
  checkpoint: [parseCheckpoint, checkpoint],
  verifierKey: [parseVerifierKey, vkey],
  signingKey: [
    (text) => parseSigningKey(text, SignatureType.ed25519, "it"),
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n",
  ],
  keyChain: [parseKeyChain, `0 ${vkey}\n`],
  witnesses: [parseWitnesses, `${vkey}\n`],
  addCheckpoint: [parseAddCheckpoint, `old 0\n\n${checkpoint}\n`],
  leaf: [(text) => parseLeaf(Buffer.from(text), 0), '{"actor":"a","apiVersion":"casemate/v1"}'],
  sealedBodies: [
    (text) => parseSealedBodies(text, "it"),
    '{"body":1,"index":0,"name":"a","salt":""}\n',
  ],
  journal: [
    (text) => parseJournal(bytesOf(text), "it"),
    "casemate ledger journal v1\n\0\0\0\0\0\0\0\0",
  ],
  entryBundle: [(text) => parseEntryBundle(bytesOf(text), 2, "it"), "\0\u0001a\0\u0001b"],
  ledgerProof: [
    (text) => verifyLedgerProof(parseJson(text), key),
    JSON.stringify({
      apiVersion,
      kind: "LedgerProof",
      checkpoint,
      firstKey: vkey,
      rotations: [],
      facts: [{}],
    }),
  ],
};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

for (const [name, [parse, near]] of Object.entries(parsers)) {
  test(`malformed ${name}: is refused with an error of the catalogue, or read`, () => {
    const anyChange = fc.tuple(
      fc.nat(near.length),
      fc.nat(8),
      fc.string({ unit: "binary", maxLength: 8 }),
    );
    const anyText = fc.oneof(
      fc.string({ unit: "binary" }),
      anyChange.map(([at, cut, put]) => near.slice(0, at) + put + near.slice(at + cut)),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        try {
          parse(text);
        } catch (thrown) {
          assert.ok(thrown instanceof CasemateError, String(thrown));
          assert.match(thrown.code, /^ledger\/(malformed|damaged|unproven|key-unusable)$/);
        }
      }),
      { numRuns: 300 },
    );
  });
}

test("malformed ledgerProof: values of other types are refused", () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (facts, rotations) => {
      const proof = {
        apiVersion,
        kind: "LedgerProof",
        checkpoint,
        firstKey: vkey,
        rotations,
        facts,
      };
      for (const document of [facts, proof]) {
        assert.throws(() => verifyLedgerProof(document, key), CasemateError);
      }
    }),
  );
});
