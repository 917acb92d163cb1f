import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { openSpine, people } from "../../../test/spine.fixture.ts";
import { localPrincipal } from "../../accounts/principal.ts";

const never = new AbortController().signal;
const { owen, sofia, sven } = people;
const password = "correct horse battery staple";

test("appointAccount: an owner asks, a security officer approves, and a new way in makes it another plan", async (t) => {
  const { services } = await openSpine(t);
  const { spine, ledger } = services;
  const { accounts, identities, login } = services.people;
  await accounts.resetPassword("sofia", password, localPrincipal);
  await login({ name: "sofia", password, code: undefined, address: "192.0.2.1" });

  await accounts.create({ name: "carol", person: "carol", roles: [], password }, owen);
  const ask = (roles: readonly string[]) => {
    const parameters = { account: "carol", roles: [...roles] };
    const about = { operation: "account.appoint", target: { kind: "system" } } as const;
    return spine.submit({ id: randomUUID(), ...about, parameters, principal: owen }, never);
  };
  const asked = await ask(["operator"]);
  assert.equal(asked.state, "awaiting-approval");
  assert.match(String(asked.plan?.steps), /the password that was set for it logs in/);
  const yes = { planHash: asked.planHash, signature: null };
  await assert.rejects(spine.approve(asked.id, { ...yes, principal: owen }, never), {
    code: "request/own",
  });

  await identities.bind("carol", { issuer: "https://id.example", subject: "owen" }, owen);
  await spine.approve(asked.id, { ...yes, principal: sofia }, never);
  const again = await spine.settled(asked.id, never);
  assert.equal(again.state, "awaiting-approval");
  assert.match(String(again.plan?.steps), /"owen" at https:\/\/id\.example/);
  assert.deepEqual((await accounts.read("carol")).roles, []);

  const now = { planHash: again.planHash, signature: null, principal: sven };
  await spine.approve(asked.id, now, never);
  assert.equal((await spine.settled(asked.id, never)).state, "done");
  assert.deepEqual((await accounts.read("carol")).roles, ["operator"]);
  const facts = await Array.fromAsync(ledger.walk());
  const given = facts.filter(({ kind }) => kind === "account/roles-changed");
  assert.deepEqual(
    given.map(({ actor, subject }) => [actor, subject]),
    [["account:owen", "account:carol"]],
  );

  await assert.rejects(ask(["operator"]), { code: "operation/refused" });
  await assert.rejects(ask(["operator", "security-officer"]), { code: "policy/conflict" });
});
