import assert from "node:assert/strict";
import { test } from "node:test";
import { openAccount, openPeople, type People } from "../../test/open-people.ts";
import { SoftwareAuthenticator } from "../../test/software-authenticator.ts";
import { localPrincipal, type Principal } from "./principal.ts";

const address = "192.0.2.1";

async function addPasskey({ people }: People, principal: Principal) {
  const authenticator = new SoftwareAuthenticator();
  const { ceremony, options } = await people.passkeys.beginAdding(principal);
  const response = authenticator.create(options);
  await people.passkeys.finishAdding(principal, { ceremony, name: "laptop", response });
  return authenticator;
}

test("Passkeys: one opens its account by itself, and counts as two factors", async (t) => {
  const opened = await openPeople(t);
  const { people, facts } = opened;
  const { principal } = await openAccount(opened, "alice", ["operator"]);
  const authenticator = await addPasskey(opened, principal);
  const { ceremony, options } = await people.passkeys.beginLogin(address);
  assert.equal(options.allowCredentials, undefined, "tells nobody which accounts have passkeys");
  const response = authenticator.get(options);
  const session = await people.passkeys.finishLogin({ ceremony, response, address });
  const seen = await people.authenticate(session.token);
  assert.deepEqual([seen?.account, seen?.mfa, seen?.method], ["alice", true, "session"]);
  const replayed = people.passkeys.finishLogin({ ceremony, response, address });
  await assert.rejects(replayed, { code: "auth/ceremony" });
  const [passkey] = await people.passkeys.list("alice");
  assert.equal(passkey?.lastUsedAt, opened.now().toISOString());
  assert.ok(facts.some(({ kind }) => kind === "account/passkey-added"));

  await assert.rejects(people.passkeys.beginAdding(principal), { code: "auth/denied" });
  assert.ok(seen !== undefined);
  await addPasskey(opened, seen);
  await people.passkeys.remove("alice", passkey?.id ?? "", localPrincipal);
  const again = await people.passkeys.beginLogin(address);
  const late = { ceremony: again.ceremony, response: authenticator.get(again.options), address };
  await assert.rejects(people.passkeys.finishLogin(late), { code: "auth/failed" });
});

test("Passkeys: an answer for another place, by another key, without its user or of the past opens nothing", async (t) => {
  const opened = await openPeople(t);
  const { people, facts } = opened;
  const { principal } = await openAccount(opened, "alice", []);
  for (const wrong of [
    { origin: "https://localhost.example:7443" },
    { rpId: "example.org" },
    { unverified: true },
    { otherKey: true },
  ]) {
    const { ceremony, options } = await people.passkeys.beginAdding(principal);
    const response = new SoftwareAuthenticator().create(options, wrong);
    const adding = people.passkeys.finishAdding(principal, { ceremony, name: "x", response });
    await assert.rejects(adding, { code: "auth/failed" });
  }
  const authenticator = await addPasskey(opened, principal);
  for (const wrong of [
    { origin: "http://localhost:7443" },
    { rpId: "example.org" },
    { unverified: true },
    { otherKey: true },
    { counter: 0 },
  ]) {
    await people.accounts.unlock("alice", localPrincipal);
    const good = await people.passkeys.beginLogin(address);
    await people.passkeys.finishLogin({
      ...{ ceremony: good.ceremony, response: authenticator.get(good.options), address },
    });
    const { ceremony, options } = await people.passkeys.beginLogin(address);
    const response = authenticator.get(options, wrong);
    const login = people.passkeys.finishLogin({ ceremony, response, address });
    await assert.rejects(login, { code: "auth/failed" }, JSON.stringify(wrong));
    assert.equal(facts.at(-1)?.body["because"], "passkey");
    opened.pass(60_000);
  }
});

test("Passkeys: three failures lock the account for them too", async (t) => {
  const opened = await openPeople(t);
  const { people } = opened;
  const { principal } = await openAccount(opened, "alice", []);
  const authenticator = await addPasskey(opened, principal);
  for (const code of ["auth/failed", "auth/failed", "auth/failed", "auth/locked"]) {
    const { ceremony, options } = await people.passkeys.beginLogin(address);
    const response = authenticator.get(options, { otherKey: code === "auth/failed" });
    await assert.rejects(people.passkeys.finishLogin({ ceremony, response, address }), { code });
  }
});
