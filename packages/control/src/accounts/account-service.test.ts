import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { day, minute, openAccount, openPeople, password } from "../../test/open-people.ts";
import { bootstrapPrincipal, localPrincipal, type Principal } from "./principal.ts";
import { hotp, stepOf } from "./totp.ts";

const address = "192.0.2.1";
const code = undefined;

test("AccountService: the bootstrap token makes the first owner, and then opens nothing", async (t) => {
  const { people, facts } = await openPeople(t);
  const token = (await people.tokens.takeBootstrap()) ?? "";
  const bootstrap = await people.authenticate(token);
  assert.deepEqual(bootstrap?.roles, ["owner"]);
  assert.ok(bootstrap !== undefined);
  await people.accounts.create({ name: "op", person: "olga", roles: ["operator"] }, bootstrap);
  assert.ok((await people.authenticate(token)) !== undefined);
  assert.equal((await people.principalOf("bootstrap"))?.method, "bootstrap");
  const owner = { name: "ada", person: "ada", roles: ["owner"], password } as const;
  assert.equal((await people.accounts.create(owner, bootstrap)).passwordMustChange, false);
  assert.equal(await people.authenticate(token), undefined);
  assert.equal(await people.principalOf("bootstrap"), undefined);
  assert.equal(await people.tokens.takeBootstrap(), undefined);
  const kinds = facts.map(({ kind, actor }) => `${kind} by ${actor}`);
  assert.deepEqual(kinds, [
    "account/created by account:bootstrap",
    "account/created by account:bootstrap",
    "account/bootstrap-revoked by account:bootstrap",
  ]);
});

test("AccountService.login: a principal is who the account says, until the session is over", async (t) => {
  const opened = await openPeople(t);
  const { people, pass } = opened;
  const { principal, token } = await openAccount(opened, "alice", ["operator", "auditor"]);
  const { credential, label: _, ...known } = principal;
  assert.deepEqual(known, {
    ...{ id: "account:alice", account: "alice", person: "alice", mfa: false },
    ...{ roles: ["operator", "auditor"], method: "session", scopes: "all" },
  });
  await people.accounts.setRoles("alice", ["auditor"], localPrincipal);
  assert.deepEqual((await people.authenticate(token))?.roles, ["auditor"]);
  for (let used = 0; used < 13; used++) {
    pass(50 * minute);
    assert.ok((await people.authenticate(token)) !== undefined, "used within the hour");
  }
  pass(80 * minute);
  assert.equal(await people.authenticate(token), undefined, "12 hours are over");

  const idle = await people.login({ name: "alice", password, code, address });
  pass(60 * minute);
  assert.equal(await people.authenticate(idle.token), undefined, "unused for an hour");
  assert.match(credential, /^session:[0-9a-f]{20}$/);
  assert.equal(await people.authenticate(token.replace("cs_", "ct_")), undefined);
  assert.equal(await people.authenticate("nonsense"), undefined);
});

test("AccountService.login: wrong password, unknown name and locked name are told alike, also after a restart", async (t) => {
  const opened = await openPeople(t);
  await openAccount(opened, "alice", []);
  const { facts, pass } = opened;
  facts.length = 0;
  let people = opened.people;
  const failures = new Map<string, string[]>();
  for (const name of ["alice", "nobody", "Not A Name! "]) {
    const seen: string[] = [];
    for (let tries = 0; tries < 4; tries++) {
      if (tries === 2) people = await opened.restart();
      const attempt = { name, password: "wrong password", code, address: `192.0.2.${tries}` };
      await people.login(attempt).catch(({ code, message }) => seen.push(`${code} ${message}`));
    }
    failures.set(name, seen);
  }
  const [first, ...others] = failures.values();
  assert.equal(first?.filter((told) => told.startsWith("auth/failed")).length, 3);
  assert.match(first?.[3] ?? "", /^auth\/locked .*none before 2026-01-05T08:15:00/);
  for (const other of others) assert.deepEqual(other, first);
  const right = { name: "alice", password, code, address };
  await assert.rejects(people.login(right), { code: "auth/locked" });
  assert.equal(await people.readLockedUntil("alice"), "2026-01-05T08:15:00.000Z");
  assert.deepEqual(facts.map(({ kind, subject }) => `${kind} ${subject}`).slice(0, 4), [
    ...Array(3).fill("account/login-failed account:alice"),
    "account/locked account:alice",
  ]);
  assert.equal(facts[4]?.subject, "account:unknown");
  assert.equal(JSON.stringify(facts).includes("nobody"), false);
  pass(15 * minute);
  await people.login(right);
  await people.login({ ...right, password: "wrong password" }).catch(() => {});
  await people.login({ ...right, password: "wrong password" }).catch(() => {});
  await people.login({ ...right, password: "wrong password" }).catch(() => {});
  await assert.rejects(people.login(right), { code: "auth/locked" });
  await people.accounts.unlock("alice", localPrincipal);
  await people.login(right);
});

test("AccountService.login: many tries at once are counted as many", async (t) => {
  const opened = await openPeople(t);
  await openAccount(opened, "alice", []);
  const attempts = Array.from({ length: 8 }, (_, i) =>
    opened.people.login({ name: "alice", password: `wrong password ${i}`, code, address }),
  );
  const codes = (await Promise.allSettled(attempts)).map((each) =>
    each.status === "rejected" ? each.reason.code : "in",
  );
  assert.equal(codes.filter((each) => each === "auth/failed").length, 3);
  assert.equal(codes.filter((each) => each === "auth/locked").length, 5);
});

test("AccountService.login: an address that tries too often waits, whatever it tries", async (t) => {
  const { people, pass } = await openPeople(t);
  const begin = (from: string) => people.passkeys.beginLogin(from);
  for (let i = 0; i < 20; i++) await begin("2001:db8::1");
  await assert.rejects(begin("2001:db8::ffff"), { code: "auth/too-many" });
  await begin("2001:db8:0:1::1");
  await begin("192.0.2.9");
  pass(3_000);
  await begin("2001:db8::1");
  await assert.rejects(begin("2001:db8::1"), { code: "auth/too-many" });
});

test("AccountService: an authenticator app's code is asked for once it was shown to work, and counts once", async (t) => {
  const opened = await openPeople(t);
  const { people, pass, now, facts, store } = opened;
  const { principal } = await openAccount(opened, "alice", ["operator"]);
  const { ceremony, uri } = await people.totp.begin(principal);
  const secret = decodeBase32(new URL(uri).searchParams.get("secret") ?? "");
  const codeNow = () => hotp(secret, stepOf(now()));
  await people.totp.finish(principal, ceremony, codeNow());
  await assert.rejects(people.totp.finish(principal, ceremony, codeNow()), {
    code: "auth/ceremony",
  });
  const attempt = { name: "alice", password, address };
  await assert.rejects(people.login({ ...attempt, code }), { code: "auth/code-needed" });
  await assert.rejects(people.login({ ...attempt, code: codeNow() }), { code: "auth/failed" });
  pass(30_000);
  const { token } = await people.login({ ...attempt, code: codeNow() });
  assert.equal((await people.authenticate(token))?.mfa, true);
  await assert.rejects(people.login({ ...attempt, code: codeNow() }), { code: "auth/failed" });
  await assert.rejects(people.totp.begin(principal), { code: "auth/denied" });
  const row = await store.db.selectFrom("accounts").select("totp_sealed").executeTakeFirst();
  assert.ok(row?.totp_sealed?.includes(secret.toString("base64url")) === false);
  assert.deepEqual(facts.at(-2)?.kind, "account/login-succeeded");
  await people.totp.remove("alice", localPrincipal);
  pass(15 * minute);
  await people.login({ ...attempt, code });
});

test("AccountService: a password that another chose must be changed before anything else", async (t) => {
  const opened = await openPeople(t);
  const { people } = opened;
  const { principal: owner } = await openAccount(opened, "ada", ["owner"]);
  await people.accounts.create(
    { name: "bob", person: "bob", roles: ["operator"], password },
    owner,
  );
  const session = await people.login({ name: "bob", password, code, address });
  assert.equal(session.passwordMustChange, true);
  const limited = await people.authenticate(session.token);
  assert.deepEqual(limited?.scopes, []);
  assert.ok(limited !== undefined);
  const change = { current: password, password: "another battery staple", address };
  await assert.rejects(people.changePassword(limited, { ...change, current: "wrong" }), {
    code: "auth/failed",
  });
  await assert.rejects(people.changePassword(limited, { ...change, password }), {
    code: "account/weak-password",
  });
  const other = await people.login({ name: "bob", password, code, address });
  await people.changePassword(limited, change);
  assert.equal((await people.authenticate(session.token))?.scopes, "all");
  assert.equal(await people.authenticate(other.token), undefined);
  await people.accounts.resetPassword("bob", password, owner);
  assert.equal(await people.authenticate(session.token), undefined);
});

test("AccountService: a hash of other parameters opens once more, and is made anew", async (t) => {
  const opened = await openPeople(t);
  await openAccount(opened, "alice", []);
  const { people, store } = opened;
  const password_hash =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  await store.db.updateTable("accounts").set({ password_hash }).execute();
  for (let i = 0; i < 2; i++) {
    await people.login({ name: "alice", password: "password", code, address });
  }
  const row = await store.db.selectFrom("accounts").select("password_hash").executeTakeFirst();
  assert.match(row?.password_hash ?? "", /m=19456,t=2,p=1/);
});

test("AccountService: idle and temporary accounts end by themselves, and say so only to who knows the password", async (t) => {
  const opened = await openPeople(t);
  const { people, pass, facts } = opened;
  const { token } = await openAccount(opened, "alice", ["operator"]);
  const temporary = { name: "guest", person: "gil", roles: [], password, temporary: true } as const;
  await people.accounts.create(temporary, bootstrapPrincipal);
  pass(3 * day);
  await assert.rejects(people.login({ name: "guest", password, code, address }), {
    code: "account/disabled",
    message: /temporary/,
  });
  await assert.rejects(people.login({ name: "guest", password: "wrong", code, address }), {
    code: "auth/failed",
  });
  await people.accounts.enable("guest", localPrincipal);
  await people.login({ name: "guest", password, code, address });
  pass(33 * day);
  const draft = { name: "ci", scopes: "all" } as const;
  const { text } = await people.apiTokens.issue("alice", draft, localPrincipal);
  await people.retire();
  assert.equal((await people.accounts.read("alice")).disabled?.because, "idle");
  for (const opens of [text, token]) assert.equal(await people.authenticate(opens), undefined);
  assert.equal(await people.principalOf("alice"), undefined);
  await assert.rejects(people.login({ name: "alice", password, code, address }), {
    code: "account/disabled",
  });
  await people.accounts.enable("alice", localPrincipal);
  assert.ok((await people.authenticate(text)) !== undefined);
  const ended = facts.filter(({ kind }) => kind === "account/disabled");
  assert.deepEqual(
    ended.map(({ actor, subject, body }) => `${actor} ${subject} ${body["because"]}`),
    ["system account:guest expired", "system account:alice idle", "system account:guest expired"],
  );
});

test("AccountService.apiTokens: a token does what its scopes say, until it expires or is revoked", async (t) => {
  const opened = await openPeople(t);
  const { people, pass } = opened;
  const { principal } = await openAccount(opened, "alice", ["operator"]);
  const draft = { name: "ci", scopes: ["vm.inspect", "vm.start"], days: 1 };
  const { token, text } = await people.apiTokens.issue("alice", draft, principal);
  const seen = await people.authenticate(text);
  assert.deepEqual([seen?.scopes, seen?.method, seen?.mfa], [draft.scopes, "token", false]);
  assert.equal(seen?.credential, `token:${token.id}`);
  const [listed] = await people.apiTokens.list("alice");
  assert.equal(listed?.lastUsedAt, opened.now().toISOString());
  pass(day);
  assert.equal(await people.authenticate(text), undefined);
  const second = await people.apiTokens.issue("alice", { name: "x", scopes: "all" }, principal);
  await assert.rejects(people.apiTokens.revoke("bob", second.token.id, principal), {
    code: "token/unknown",
  });
  await people.apiTokens.revoke("alice", second.token.id, principal);
  assert.equal(await people.authenticate(second.text), undefined);
});

test("AccountService.sessions: end one by one or all together", async (t) => {
  const opened = await openPeople(t);
  const { people } = opened;
  const { token } = await openAccount(opened, "alice", []);
  const more = [];
  for (let i = 0; i < 2; i++) {
    more.push(await people.login({ name: "alice", password, code, address }));
  }
  const [first] = await people.sessions.list("alice");
  await people.sessions.revoke("alice", first?.id ?? "", localPrincipal);
  assert.equal(await people.authenticate(token), undefined);
  await assert.rejects(people.sessions.revoke("bob", first?.id ?? "", localPrincipal), {
    code: "session/unknown",
  });
  assert.equal(await people.sessions.revokeAll("alice", localPrincipal), 2);
  for (const { token } of more) assert.equal(await people.authenticate(token), undefined);
});

test("AccountService: what cannot be recorded does not happen", async (t) => {
  const opened = await openPeople(t);
  const { people, store, failWith } = opened;
  const { principal } = await openAccount(opened, "alice", ["auditor"]);
  const { ceremony, uri } = await people.totp.begin(principal);
  const secret = decodeBase32(new URL(uri).searchParams.get("secret") ?? "");
  const before = await dump(store.db);
  failWith(new Error("the ledger is full"));
  const by = localPrincipal;
  const changes: ((actor: Principal) => Promise<unknown>)[] = [
    (actor) => people.accounts.create({ name: "new", person: "new", roles: ["owner"] }, actor),
    (actor) => people.accounts.setRoles("alice", ["owner"], actor),
    (actor) => people.accounts.disable("alice", actor),
    (actor) => people.accounts.enable("alice", actor),
    (actor) => people.accounts.unlock("alice", actor),
    (actor) => people.accounts.resetPassword("alice", password, actor),
    (actor) => people.totp.remove("alice", actor),
    (actor) => people.identities.bind("alice", { issuer: "i", subject: "s" }, actor),
    (actor) => people.apiTokens.issue("alice", { name: "x", scopes: "all" }, actor),
    (actor) => people.sessions.revokeAll("alice", actor),
    () => people.login({ name: "alice", password, code, address }),
    () => people.totp.finish(principal, ceremony, hotp(secret, stepOf(opened.now()))),
    () =>
      people.changePassword(principal, {
        ...{ current: password, password: "another battery staple", address },
      }),
  ];
  for (const change of changes) await assert.rejects(change(by), /the ledger is full/);
  assert.deepEqual(await dump(store.db), before);
  await assert.rejects(people.login({ name: "alice", password: "wrong", code, address }));
  assert.notDeepEqual(await dump(store.db), before, "failures count even so");
});

test("AccountService: no secret stands in facts or in any file; its key is its user's alone", async (t) => {
  const opened = await openPeople(t);
  const { people, directory, facts, now } = opened;
  const { principal, token } = await openAccount(opened, "alice", ["operator"]);
  const offer = await people.totp.begin(principal);
  const secret = decodeBase32(offer.secret);
  await people.totp.finish(principal, offer.ceremony, hotp(secret, stepOf(now())));
  const draft = { name: "ci", scopes: "all" } as const;
  const { text } = await people.apiTokens.issue("alice", draft, principal);
  const typed = "a password typed as a name";
  await people.login({ name: typed, password: "x", code, address }).catch(() => {});
  const secrets = [
    ...[password, token, text, offer.secret, offer.uri, typed],
    ...[secret.toString("latin1"), secret.toString("hex"), secret.toString("base64")],
  ];
  const files = await readdir(directory);
  assert.ok(files.includes("accounts.key"));
  assert.equal((await stat(join(directory, "accounts.key"))).mode & 0o777, 0o600);
  for (const file of files) {
    const kept = await readFile(join(directory, file), "latin1");
    for (const each of secrets) assert.ok(!kept.includes(each), file);
  }
  const recorded = JSON.stringify(facts);
  for (const each of secrets) assert.ok(!recorded.includes(each));
});

/** Every row of the tables about accounts. */
async function dump(db: Awaited<ReturnType<typeof openPeople>>["store"]["db"]) {
  const tables = [
    ...(["accounts", "sessions", "api_tokens", "identities", "lock_outs"] as const), // names of tables
  ];
  return await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute()));
}

/** What an authenticator app does with the text it is given. */
function decodeBase32(text: string): Buffer {
  const bits = [...text]
    .map((letter) =>
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"),
    )
    .join("");
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((each) => Number.parseInt(each, 2)));
}
