import assert from "node:assert/strict";
import { test } from "node:test";
import { openAccount, openPeople, password } from "../../test/open-people.ts";

const address = "192.0.2.1";
const subject = { issuer: "https://id.example", subject: "4711" };

test("Accounts: an owner hands out roles alone until a security officer logs in, and never again", async (t) => {
  const opened = await openPeople(t);
  const { principal: owner } = await openAccount(opened, "owen", ["owner"]);
  const { accounts } = opened.people;
  await accounts.create(
    { name: "sofia", person: "sofia", roles: ["security-officer"], password },
    owner,
  );
  await accounts.create({ name: "olga", person: "olga", roles: ["operator"] }, owner);
  await opened.people.login({ name: "sofia", password, code: undefined, address });

  const refused = { code: "account/needs-appointment" };
  const invented = { name: "nobody", person: "nobody", roles: ["security-officer"] } as const;
  await assert.rejects(accounts.create(invented, owner), refused);
  await accounts.create({ ...invented, roles: [] }, owner);
  await assert.rejects(accounts.setRoles("nobody", ["auditor"], owner), refused);
  await assert.rejects(accounts.setRoles("olga", ["operator", "owner"], owner), refused);

  await accounts.disable("sofia", owner);
  await accounts.setRoles("sofia", [], owner);
  assert.deepEqual((await accounts.read("sofia")).roles, []);
  const restarted = await opened.restart();
  await assert.rejects(restarted.accounts.create({ ...invented, name: "x" }, owner), refused);
});

test("Accounts: a way into another person's account with roles is as good as its roles", async (t) => {
  const opened = await openPeople(t);
  const { accounts, identities } = opened.people;
  const { principal: owner } = await openAccount(opened, "owen", ["owner"]);
  await accounts.create({ name: "owen2", person: "owen", roles: ["owner"] }, owner);
  await openAccount(opened, "sofia", ["security-officer"]);

  const refused = { code: "account/needs-appointment", message: /sofia .* owen could use them/ };
  const other = `${password} again`;
  await assert.rejects(accounts.resetPassword("sofia", other, owner), refused);
  await assert.rejects(identities.bind("sofia", subject, owner), refused);
  await accounts.resetPassword("owen2", other, owner);

  await accounts.setRoles("sofia", [], owner);
  await accounts.resetPassword("sofia", other, owner);
  await identities.bind("sofia", subject, owner);
});
