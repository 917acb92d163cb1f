import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { draft, origin, scratch } from "../../test/scratch.ts";
import { generateSigningKey } from "../notes/signing-key.ts";
import { SignatureType } from "../notes/verifier-key.ts";
import { Ledger } from "../storage/ledger.ts";
import { LedgerReader } from "../storage/ledger-reader.ts";
import { proveFacts } from "./prove-facts.ts";
import { firstKeyOf, verifyLedgerProof } from "./verify-ledger-proof.ts";

const verifier = fileURLToPath(new URL("../../verifier/casemate-verify.mjs", import.meta.url));

/** A ledger of 330 facts and two keys, and a proof of some of them. */
async function prove(t: TestContext) {
  const directory = await scratch(t);
  await using ledger = await Ledger.open(directory, { origin });
  const append = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => ledger.append(draft(from + i))));
  await append(0, 30);
  const earlier = (await ledger.checkpoint()).note;
  await append(30, 300);
  await ledger.rotateKey("account:alice");
  await append(301, 330);
  await ledger.checkpoint();
  const reader = await LedgerReader.open(directory);
  return await proveFacts(reader, [0, 7, 256, 329], { sealed: true, earlier });
}

test("proveFacts: what it proves is verified here and by casemate-verify", async (t) => {
  const proof = await prove(t);
  const text = JSON.stringify(proof);
  const proven = verifyLedgerProof(JSON.parse(text), firstKeyOf(proof));
  assert.equal(proven.checkpoint.size, 330);
  assert.equal(proven.earlier?.size, 30);
  assert.deepEqual(
    proven.facts.map(({ index }) => index),
    [0, 7, 256, 329],
  );
  assert.deepEqual(proven.facts[1]?.sealed, { ...draft(7).sealed });
  const file = join(await scratch(t), "proof.json");
  await writeFile(file, text);
  const run = spawnSync(process.execPath, [verifier, file, "--key", proof.firstKey], {
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /facts 0, 7, 256, 329 are in the tree of size 330/);
});

test("verifyLedgerProof: another first key is not believed", async (t) => {
  const proof = await prove(t);
  const other = generateSigningKey(origin, SignatureType.ed25519).verifier;
  assert.throws(() => verifyLedgerProof(proof, other), { code: "ledger/unproven" });
  const renamed = { ...proof, firstKey: other.text };
  assert.throws(() => verifyLedgerProof(renamed, other), { code: "ledger/unproven" });
});

test("verifyLedgerProof: a changed character anywhere is found, by casemate-verify too", async (t) => {
  const proof = await prove(t);
  const key = firstKeyOf(proof);
  const text = JSON.stringify(proof);
  const accepted: string[] = [];
  const changes: string[] = [];
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.nat(6), (at, bit) => {
      const changed =
        text.slice(0, at) +
        String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) +
        text.slice(at + 1);
      changes.push(changed);
      let document: unknown;
      try {
        document = JSON.parse(changed);
      } catch {
        return; // no proof at all
      }
      try {
        verifyLedgerProof(document, key);
        accepted.push(changed.slice(Math.max(0, at - 20), at + 20));
      } catch (thrown) {
        assert.match(
          String(Object(thrown).code),
          /^ledger\/(unproven|malformed|damaged)$/,
          changed,
        );
      }
    }),
    { numRuns: 400 },
  );
  assert.deepEqual(accepted, []);
  const file = join(await scratch(t), "proof.json");
  for (const changed of changes.slice(0, 8)) {
    await writeFile(file, changed);
    const run = spawnSync(process.execPath, [verifier, file, "--key", proof.firstKey], {
      encoding: "utf8",
    });
    assert.equal(run.status, 2, run.stdout + run.stderr);
  }
});
