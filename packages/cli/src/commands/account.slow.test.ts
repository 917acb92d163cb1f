import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { chmod, glob, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { type Control, startControl } from "@casemate/control";

const casemate = resolve(import.meta.dirname, "../../../../casemate");
const providerProgram = resolve(import.meta.dirname, "../../../control/test/oidc-provider.ts");

const first = "correct horse battery";
const own = "staple of my own choice";
/** Everything that must stand in no file of Casemate's. */
const secrets = [first, own];

const stack = new AsyncDisposableStack();
let scratch: string;
let data: string;
let issuer: string;
let control: Control;
let bootstrap: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-account-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  data = join(scratch, "data");
  const provider = spawn(process.execPath, [providerProgram], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  stack.defer(() => void provider.kill("SIGKILL"));
  [issuer] = (await once(createInterface(provider.stdout), "line")) as [string]; // lines are text
  const listen = { host: "127.0.0.1", port: 0 };
  // The data directory is made by a first start, which is not yet told of the provider.
  {
    await using early = await startControl({ dataDirectory: data, listen, verbose: false });
    bootstrap = (await early.takeBootstrapToken()) ?? "";
  }
  await writeFile(join(data, "oidc.json"), JSON.stringify({ issuer, clientId: "casemate" }));
  control = stack.use(await startControl({ dataDirectory: data, listen, verbose: false }));
  secrets.push(bootstrap);
});
after(() => stack.disposeAsync());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running extends PromiseLike<Ended> {
  readonly stderr: AsyncIterable<string>;
}

function environmentOf(who: string): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { PATH, HOME: join(scratch, who), CASEMATE_DATA: data, TERM: "dumb" };
}

/** Runs the command as somebody with a home of their own, who types these lines. */
function start(who: string, args: readonly string[], typed: readonly string[] = []): Running {
  const child = spawn(casemate, args, {
    env: environmentOf(who),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stdout: string[] = [];
  const stderr: string[] = [];
  child.stdout.on("data", (chunk) => stdout.push(String(chunk)));
  child.stderr.on("data", (chunk) => stderr.push(String(chunk)));
  child.stdin.on("error", () => {}); // it may end without reading all
  child.stdin.end(typed.map((line) => `${line}\n`).join(""));
  const ended = once(child, "close").then(([code]) => ({
    ...{ code, stdout: stdout.join(""), stderr: stderr.join("") },
  }));
  // biome-ignore lint/suspicious/noThenProperty: what runs can be awaited
  return { stderr: createInterface(child.stderr), then: ended.then.bind(ended) };
}

async function done(who: string, args: readonly string[], typed: readonly string[] = []) {
  const { code, stdout, stderr } = await start(who, args, typed);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function refused(
  who: string,
  args: readonly string[],
  typed: readonly string[],
  why: RegExp,
) {
  const { code, stderr } = await start(who, args, typed);
  assert.notEqual(code, 0, args.join(" "));
  assert.match(stderr, why);
}

/** What the API answers to a bearer token. */
async function call(method: string, path: string, token: string, body?: object) {
  const ca = JSON.parse(await readFile(join(data, "client.json"), "utf8")).certificate;
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
  };
  const sent = request(new URL(path, control.url), { method, ca, headers, agent: false });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(sent, "response");
  const text = Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>)).toString(); // without an encoding it gives bytes
  return { status: Number(response.statusCode), document: JSON.parse(text) };
}

/** The code an authenticator app shows `later` steps from now (RFC 6238). */
function codeOf(secret: string, later = 0): string {
  const bits = [...secret]
    .map((letter) =>
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"),
    )
    .join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((each) => Number.parseInt(each, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac.readUInt8(19) & 0xf;
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}

test("the bootstrap token makes the first owner, and opens nothing afterwards", async () => {
  const draft = { name: "ada", person: "ada", roles: ["owner"], password: own };
  const made = await call("POST", "/api/v1/accounts", bootstrap, draft);
  assert.equal(made.status, 200, JSON.stringify(made.document));
  assert.deepEqual([made.document.name, made.document.passwordMustChange], ["ada", false]);
  assert.equal((await call("GET", "/api/v1/accounts", bootstrap)).status, 401);
});

test("casemate login: trusts a server by its fingerprint, said or confirmed, and keeps its session to itself", async () => {
  const login = ["login", "--server", control.url, "--name", "ada"];
  await refused("ada", [...login, "--fingerprint", "AB:CD"], [own], /expected AB:CD/);
  await refused("ada", login, ["no", own], /expected one that is trusted/);
  assert.match(await done("ada", login, ["y", own]), /^Logged in as ada until /);
  const file = join(scratch, "ada/.config/casemate/session.json");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(join(file, ".."))).mode & 0o777, 0o700);
  const session = JSON.parse(await readFile(file, "utf8"));
  secrets.push(session.token);
  await done("ada", login, [own]); // known by now: asks no more
  await writeFile(file, JSON.stringify({ ...session, certificate: "another" }));
  await refused("ada", login, [own], /expected one that is trusted/);
  await done("ada", [...login, "--fingerprint", control.fingerprint.toLowerCase()], [own]);
  secrets.push(JSON.parse(await readFile(file, "utf8")).token);
  const shown = JSON.parse(await done("ada", ["account", "whoami", "--json"]));
  assert.deepEqual([shown.kind, shown.account, shown.method], ["Principal", "ada", "session"]);
});

test("casemate account: an owner makes accounts; their owners choose their own passwords", async () => {
  const create = ["account", "create", "olga", "--person", "olga", "--role", "operator"];
  await refused("ada", create, ["too short"], /it has 9 characters, expected at least 12/);
  await done("ada", create, [first]);
  const officer = ["account", "create", "olga2", "--person", "olga", "--role", "security-officer"];
  await refused("ada", officer, [first], /olga would be operator and security-officer, with olga/);
  const stdout = await done("olga", ["login", "--name", "olga"], [first, first, own]);
  assert.match(stdout, /The password is changed/);
  await refused("olga", ["account", "list"], [], /Cannot do account\.read as olga/);
  const roles = JSON.parse(await done("ada", ["account", "roles", "olga", "auditor", "--json"]));
  assert.deepEqual(roles.roles, ["auditor"]);
  assert.match(await done("olga", ["account", "list"]), /^olga +olga +auditor +open/m);
});

test("casemate account: three failures lock an account, and an owner or root unlocks it", async () => {
  const login = ["login", "--name", "olga"];
  for (let i = 0; i < 3; i++) await refused("eve", login, [first], /the code is wrong/);
  await refused("olga", login, [own], /too many tries failed/);
  assert.match(await done("ada", ["account", "list"]), /^olga .* locked/m);
  await done("root", ["account", "unlock", "olga"]);
  await done("olga", login, [own]);
});

test("casemate account totp: logins ask for a code from then on", async () => {
  const adding = start("olga", ["account", "totp"]);
  let secret = "";
  for await (const line of adding.stderr) {
    secret ||= /^ {2}([A-Z2-7]{32})$/.exec(line)?.[1] ?? "";
  }
  assert.match((await adding).stderr, /standard input has ended/);
  secrets.push(secret);
  const session = JSON.parse(
    await readFile(join(scratch, "olga/.config/casemate/session.json"), "utf8"),
  );
  const { document } = await call("POST", "/api/v1/account/totp/begin", session.token);
  secrets.push(document.secret, session.token);
  const proof = { ceremony: document.ceremony, code: codeOf(document.secret) };
  assert.equal((await call("POST", "/api/v1/account/totp", session.token, proof)).status, 200);
  const login = ["login", "--name", "olga"];
  await refused("olga", login, [own, "000000"], /the code is wrong/);
  await done("olga", login, [own, codeOf(document.secret, 1)]);
  assert.equal(JSON.parse(await done("olga", ["account", "whoami", "--json"])).mfa, true);
  assert.match(await done("olga", ["account", "sessions"]), / {2}password and code {2}/);
  await done("root", ["account", "totp", "--remove", "olga"]);
});

test("casemate login: what is typed at a terminal as a password is not shown", async () => {
  // script(1) gives it a terminal of its own.
  const child = spawn("script", ["-qec", `${casemate} login --name ada`, "/dev/null"], {
    env: environmentOf("ada"),
    stdio: ["pipe", "pipe", "inherit"],
  });
  let shown = "";
  for await (const chunk of child.stdout) {
    const asked = shown.includes("Password: ");
    shown += String(chunk);
    if (!asked && shown.includes("Password: ")) child.stdin.write(`${own}\r`);
    if (shown.includes("Logged in as ada")) child.stdin.end();
  }
  assert.match(shown, /Password: \r\nLogged in as ada/);
  assert.ok(!shown.includes(own));
});

test("casemate token: does what its scopes say and no more, until it is revoked", async () => {
  const words = ["token", "issue", "ci", "--scope", "account.read", "--days", "1"];
  const token = (await done("ada", words)).trim();
  secrets.push(token);
  assert.match(token, /^ct_[\w-]{43}$/);
  assert.equal((await call("GET", "/api/v1/accounts", token)).status, 200);
  const denied = await call("POST", "/api/v1/accounts/olga/disable", token);
  assert.deepEqual([denied.status, denied.document.code], [403, "auth/denied"]);
  const more = await call("POST", "/api/v1/tokens", token, { name: "x", scopes: "all" });
  assert.equal(more.status, 403);
  const { items } = JSON.parse(await done("ada", ["token", "list", "--json"]));
  assert.deepEqual([items[0].name, items[0].scopes], ["ci", ["account.read"]]);
  await refused("olga", ["token", "revoke", items[0].id, "--account", "ada"], [], /token\.manage/);
  await done("ada", ["token", "revoke", items[0].id]);
  assert.equal((await call("GET", "/api/v1/accounts", token)).status, 401);
});

test("casemate login --oidc: prints where to log in, and takes what the browser brings back", async () => {
  await done("ada", ["account", "bind", "olga", "--issuer", issuer, "--subject", "4711"]);
  await done("olga", ["logout"]);
  const login = start("olga", ["login", "--oidc"]);
  for await (const line of login.stderr) {
    const url = /^ {2}(http:\S+)$/.exec(line)?.[1];
    if (url !== undefined) await browse(url, "4711");
  }
  const { code, stdout, stderr } = await login;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Logged in as olga/);
  await done("ada", ["account", "end", "olga"]);
  await refused("olga", ["account", "whoami"], [], /its token is not known or has expired/);
  await done("olga", ["logout"]);
});

test("casemate account disable: nothing of an account works any more", async () => {
  await done("olga", ["login", "--name", "olga"], [own]);
  await done("ada", ["account", "disable", "olga"]);
  await refused("olga", ["account", "whoami"], [], /not known or has expired/);
  await refused("olga", ["login", "--name", "olga"], [own], /it was disabled/);
  await done("ada", ["account", "enable", "olga"]);
  await done("olga", ["login", "--name", "olga"], [own]);
});

test("casemate account: once a security officer has logged in, roles take two persons", async () => {
  const officer = ["account", "create", "sofia", "--person", "sofia", "--role", "security-officer"];
  await done("ada", officer, [first]);
  await done("sofia", ["login", "--name", "sofia"], [first, first, own]);

  const create = ["account", "create", "carol", "--person", "carol", "--role", "auditor"];
  const asked = await start("ada", create, [first]);
  assert.equal(asked.code, 4, asked.stderr);
  assert.match(asked.stdout, /It needs the approval of a security-officer/);
  const id = /requests show (\S+)/.exec(asked.stdout)?.[1] ?? "";
  await refused("ada", ["requests", "approve", id], [], /ada made it, expected another person/);
  assert.match(await done("sofia", ["requests", "show", id]), /Give carol, the account of carol/);
  await done("sofia", ["requests", "approve", id]);
  assert.match(await done("ada", ["account", "list"]), /^carol +carol +auditor +open/m);

  const reset = ["account", "password", "carol"];
  await refused(
    "ada",
    reset,
    [first],
    /carol logs in: it has the roles auditor, and ada could use/,
  );
  const taken = JSON.parse(await done("ada", ["account", "roles", "carol", "--json"]));
  assert.deepEqual(taken.roles, []);
  await done("ada", reset, [first]);
});

test("secrets: none stands in the log, the ledger or the database", async () => {
  await chmod(data, 0o700);
  let files = 0;
  for await (const name of glob("**/*", { cwd: data, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const kept = await readFile(join(name.parentPath, name.name), "latin1");
    files += 1;
    for (const secret of secrets) assert.ok(!kept.includes(secret), `${name.name}: ${secret}`);
  }
  assert.ok(files > 5 && secrets.length > 7);
  const log = await readFile(join(data, "casemate.log"), "utf8");
  assert.match(log, /"who":"ada"/);
});

/** A browser whose person is `subject`: follows wherever it is led. */
async function browse(url: string, subject: string): Promise<void> {
  const cookies = new Map<string, string>();
  for (let at: string | undefined = url; at !== undefined; ) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { cookie, "x-subject": subject };
    const response: Response = await fetch(at, { redirect: "manual", headers });
    for (const set of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    at = location === null ? undefined : new URL(location, at).href;
  }
}
