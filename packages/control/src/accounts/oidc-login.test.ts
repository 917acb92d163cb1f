import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openAccount, openPeople } from "../../test/open-people.ts";
import { browse, startOidcProvider } from "../../test/start-oidc-provider.ts";
import type { AccountService } from "./account-service.ts";
import type { OidcConfig } from "./oidc-config.ts";
import { bootstrapPrincipal, localPrincipal } from "./principal.ts";

const address = "192.0.2.1";
const redirectUri = "http://127.0.0.1:54321/callback";

let issuer: string;
let provider: Disposable;
before(async () => {
  const started = await startOidcProvider();
  issuer = started.issuer;
  provider = started;
});
after(() => provider[Symbol.dispose]());

const configured =
  (more: Partial<OidcConfig> = {}) =>
  async (directory: string) => {
    const config = { issuer, clientId: "casemate", scopes: ["groups"], ...more };
    await writeFile(join(directory, "oidc.json"), JSON.stringify(config));
  };

async function login({ oidc }: AccountService, subject: string) {
  const { ceremony, url } = await oidc.begin(redirectUri, address);
  const callback = await browse(url, redirectUri, subject);
  return await oidc.finish({ ceremony, callback, address });
}

test("OidcLogin: a subject that an owner bound logs in to its account, with the account's own roles", async (t) => {
  const { people, facts } = await openPeople(t, configured());
  const draft = { name: "alice", person: "alice", roles: ["auditor"] } as const;
  await people.accounts.create(draft, bootstrapPrincipal);
  await assert.rejects(login(people, "0815+mfa/owners"), {
    code: "auth/failed",
    message: /subject "0815\+mfa\/owners" is no account's here/,
  });
  const identity = { issuer, subject: "0815+mfa/owners" };
  await people.identities.bind("alice", identity, localPrincipal);
  await assert.rejects(people.identities.bind("alice", identity, localPrincipal), {
    code: "account/exists",
  });
  const { token } = await login(people, "0815+mfa/owners");
  const principal = await people.authenticate(token);
  assert.deepEqual(
    [principal?.account, principal?.roles, principal?.mfa],
    ["alice", ["auditor"], false],
  );
  assert.equal(facts.at(-1)?.body["method"], "oidc");
  await people.accounts.disable("alice", localPrincipal);
  await assert.rejects(login(people, "0815+mfa/owners"), { code: "account/disabled" });
  await people.identities.remove("alice", identity, localPrincipal);
  await assert.rejects(login(people, "0815+mfa/owners"), { code: "auth/failed" });
});

test("OidcLogin: groups become roles where the configuration says so, and never conflicting ones", async (t) => {
  const map = {
    ops: ["operator"],
    sec: ["security-officer"],
    audit: ["auditor"],
  } satisfies NonNullable<OidcConfig["roles"]>["map"];
  const roles = { claim: "groups", map };
  const { people, facts } = await openPeople(t, configured({ roles, trustAmr: true }));
  const draft = { name: "alice", person: "alice", roles: ["owner"] } as const;
  await people.accounts.create(draft, bootstrapPrincipal);
  for (const subject of ["a+mfa/ops/unknown", "a/ops/sec", "a/audit"]) {
    await people.identities.bind("alice", { issuer, subject }, localPrincipal);
  }
  const { token } = await login(people, "a+mfa/ops/unknown");
  const principal = await people.authenticate(token);
  assert.deepEqual([principal?.roles, principal?.mfa], [["operator"], true]);
  assert.equal(facts.at(-2)?.actor, `oidc:${issuer}`);
  await assert.rejects(login(people, "a/ops/sec"), { code: "policy/conflict" });
  assert.deepEqual((await people.accounts.read("alice")).roles, ["operator"]);
});

test("OidcLogin: a callback of another login, a code twice, a refusal and a foreign redirect open nothing", async (t) => {
  const opened = await openPeople(t, configured());
  const { people, pass } = opened;
  await openAccount(opened, "alice", []);
  await people.identities.bind("alice", { issuer, subject: "a" }, localPrincipal);
  const { oidc } = people;
  const first = await oidc.begin(redirectUri, address);
  const second = await oidc.begin(redirectUri, address);
  const callback = await browse(first.url, redirectUri, "a");
  await assert.rejects(oidc.finish({ ceremony: second.ceremony, callback, address }), {
    code: "auth/provider-failed",
  });
  await oidc.finish({ ceremony: first.ceremony, callback, address });
  await assert.rejects(oidc.finish({ ceremony: first.ceremony, callback, address }), {
    code: "auth/ceremony",
  });
  const third = await oidc.begin(redirectUri, address);
  const state = new URL(third.url).searchParams.get("state");
  const refusal = `${redirectUri}?error=access_denied&state=${state}&iss=${issuer}`;
  await assert.rejects(oidc.finish({ ceremony: third.ceremony, callback: refusal, address }), {
    code: "auth/failed",
    message: /access_denied/,
  });
  const late = await oidc.begin(redirectUri, address);
  pass(10 * 60_000);
  await assert.rejects(oidc.finish({ ceremony: late.ceremony, callback, address }), {
    code: "auth/ceremony",
  });
  for (const elsewhere of ["https://evil.example/callback", "http://192.0.2.1/", "nonsense"]) {
    await assert.rejects(oidc.begin(elsewhere, address), { code: "usage" });
  }
});

test("OidcLogin: none configured, and one that does not answer", async (t) => {
  const without = await openPeople(t);
  await assert.rejects(without.people.oidc.begin(redirectUri, address), {
    code: "auth/no-provider",
  });
  const gone = await openPeople(t, configured({ issuer: "http://127.0.0.1:1" }));
  await assert.rejects(gone.people.oidc.begin(redirectUri, address), {
    code: "auth/provider-failed",
  });
});
