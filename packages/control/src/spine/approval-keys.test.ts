import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { openSpine, people } from "../../test/spine.fixture.ts";

const { olga, sofia } = people;

function makeKey(): string {
  const { x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url").toString("base64");
}

test("ApprovalKeys.add: a key that is added several times at once is added once, another is refused", async (t) => {
  const { services } = await openSpine(t);
  const { approvalKeys, ledger } = services;
  const [key, other] = [makeKey(), makeKey()];
  await Promise.all(Array.from({ length: 4 }, () => approvalKeys.add(sofia, key)));
  await assert.rejects(approvalKeys.add(sofia, other), { code: "request/key-there" });
  await assert.rejects(approvalKeys.add(olga, "short"), { code: "usage" });
  assert.equal(await approvalKeys.find(sofia.account), key);
  const two = await Promise.allSettled([key, other].map((each) => approvalKeys.add(olga, each)));
  assert.deepEqual(two.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  const facts = await Array.fromAsync(ledger.walk());
  const added = facts.filter(({ kind }) => kind === "account/approval-key-added");
  assert.deepEqual(
    added.map(({ subject }) => subject),
    [`account:${sofia.account}`, `account:${olga.account}`],
  );
});
