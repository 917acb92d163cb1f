import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { routes, socketRoutes } from "./api/routes.ts";
import type { ClientFile } from "./client-file.ts";
import { startControl } from "./control.ts";

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-control-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function readClientFile(directory: string): Promise<ClientFile> {
  return JSON.parse(await readFile(join(directory, "client.json"), "utf8"));
}

const anyPort = { host: "127.0.0.1", port: 0 };

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

async function get(
  url: string,
  certificate: string,
  token?: string,
  method = "GET",
  document?: object,
): Promise<Answer> {
  const sent = request(url, {
    method,
    ca: certificate,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(document === undefined ? {} : { "content-type": "application/json" }),
    },
  });
  sent.end(document === undefined ? undefined : JSON.stringify(document));
  const [response] = await once(sent, "response");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

test("startControl: every route but the public ones refuses a caller without a token", async (t) => {
  const dataDirectory = await scratch(t);
  await using control = await startControl({ dataDirectory, listen: anyPort, verbose: false });
  const { certificate } = await readClientFile(dataDirectory);
  const publicOnes: string[] = [];
  const plain = [...socketRoutes, { path: "/openapi.json" as const }].map(({ path }) => ({
    path,
    method: "GET",
  }));
  for (const { path, method } of [...routes, ...plain]) {
    const filled = path.replaceAll(/:[a-z]+/g, "x");
    const { status, body } = await get(`${control.url}${filled}`, certificate, undefined, method);
    if (status === 401) assert.equal(JSON.parse(body).code, "auth/required");
    else publicOnes.push(path);
    const wrong = await get(`${control.url}${filled}`, certificate, "cm_wrong", method);
    assert.equal(wrong.status === 401, status === 401, path);
  }
  const loggingIn = ["", "/oidc", "/oidc/begin", "/passkey", "/passkey/options"];
  assert.deepEqual(publicOnes.sort(), [
    ...loggingIn.map((rest) => `/api/v1/login${rest}`),
    ...["/healthz", "/openapi.json"],
  ]);
});

test("startControl: the OpenAPI document names every route and who may call it", async (t) => {
  const dataDirectory = await scratch(t);
  await using control = await startControl({ dataDirectory, listen: anyPort, verbose: false });
  const { certificate } = await readClientFile(dataDirectory);
  const { body, headers } = await get(`${control.url}/openapi.json`, certificate);
  const { openapi, paths } = JSON.parse(body);
  assert.equal(openapi, "3.1.0");
  assert.equal(headers["x-content-type-options"], "nosniff");
  const described = (path: string) => path.replaceAll(/:([a-z]+)/g, "{$1}");
  const expected = new Set([...routes, ...socketRoutes].map(({ path }) => described(path)));
  assert.deepEqual(Object.keys(paths).sort(), [...expected].sort());
  for (const { path, method, access } of routes) {
    const { security } = paths[described(path)][method.toLowerCase()];
    assert.deepEqual(security, access === "public" ? [] : [{ token: [] }], path);
  }
});

test("Control: gives the bootstrap token once; secrets stand in no file of the data directory", async (t) => {
  const dataDirectory = await scratch(t);
  let token: string | undefined;
  {
    await using control = await startControl({ dataDirectory, listen: anyPort, verbose: false });
    token = await control.takeBootstrapToken();
    assert.match(token ?? "", /^cm_[\w-]{43}$/);
    assert.equal(await control.takeBootstrapToken(), undefined);
    const { certificate } = await readClientFile(dataDirectory);
    const { status, body } = await get(`${control.url}/api/v1/hosts`, certificate, token);
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), { apiVersion: "casemate/v1", kind: "HostList", items: [] });
    assert.equal((await stat(join(dataDirectory, "client.json"))).mode & 0o777, 0o600);
    assert.equal((await stat(join(dataDirectory, "tls.key"))).mode & 0o777, 0o600);
  }
  await assert.rejects(readClientFile(dataDirectory), { code: "ENOENT" });
  for (const name of ["casemate.db", "casemate.log"]) {
    const kept = await readFile(join(dataDirectory, name), "latin1");
    assert.ok(!kept.includes((token ?? "").slice(3)), name);
  }
  await using again = await startControl({ dataDirectory, listen: anyPort, verbose: false });
  assert.equal(await again.takeBootstrapToken(), undefined);
});

test("Control: /healthz says that no host is attached yet, without a token", async (t) => {
  const dataDirectory = await scratch(t);
  await using control = await startControl({ dataDirectory, listen: anyPort, verbose: false });
  const { certificate } = await readClientFile(dataDirectory);
  const { status, body } = await get(`${control.url}/healthz`, certificate);
  assert.equal(status, 503);
  assert.deepEqual(JSON.parse(body), {
    apiVersion: "casemate/v1",
    kind: "Health",
    status: "failing",
    store: "ok",
    hosts: "starting",
  });
});

test("Control: broken glass is told at once to who runs it, the log and the events, and stands in the metrics", async (t) => {
  const dataDirectory = await scratch(t);
  const alarms: string[] = [];
  const onAlarm = (sentence: string) => void alarms.push(sentence);
  const options = { dataDirectory, listen: anyPort, verbose: false, onAlarm };
  await using control = await startControl(options);
  const { certificate, token: local } = await readClientFile(dataDirectory);
  const ask = async (token: string | undefined, method: string, path: string, document?: object) =>
    await get(`${control.url}${path}`, certificate, token, method, document);
  const password = "correct horse battery staple";
  const officer = { name: "sofia", person: "sofia", roles: ["security-officer"], password };
  await ask(await control.takeBootstrapToken(), "POST", "/api/v1/accounts", officer);
  const login = await ask(undefined, "POST", "/api/v1/login", { name: "sofia", password });
  const { token: session } = JSON.parse(login.body);
  const sealed = await ask(session, "POST", "/api/v1/break-glass/seal");
  const { code } = JSON.parse(sealed.body);

  const listening = request(new URL("/api/v1/events", control.url), {
    ca: certificate,
    agent: false,
    headers: { authorization: `Bearer ${local}` },
  }).end();
  const [stream] = await once(listening, "response");
  const events = stream[Symbol.asyncIterator]();
  await events.next(); // connected
  const requestId = "0b0c5d5e-0000-4000-8000-000000000001";
  const breakGlass = { code, reason: "the data centre is on fire" };
  // Whatever becomes of the request: the code is used up, and that is what must be heard.
  const order = { requestId, parameters: { account: "sofia", roles: [] }, breakGlass };
  await ask(local, "POST", "/api/v1/operations/account.appoint", order);

  const event = JSON.parse(String((await events.next()).value).replace(/^data: /, ""));
  listening.destroy();
  assert.deepEqual([event.type, event.what, event.request], ["alarm", "break-glass", requestId]);
  assert.match(
    event.detail,
    /^local broke the glass for request 0b0c5d5e-.*: it awaits a review\.$/,
  );
  assert.deepEqual(alarms, [event.detail]);
  const { body } = await ask(local, "GET", "/metrics");
  assert.match(body, /^casemate_break_glass_uses\{reviewed="false"\} 1$/m);
  assert.match(body, /^casemate_break_glass_uses\{reviewed="true"\} 0$/m);
  const log = await readFile(join(dataDirectory, "casemate.log"), "utf8");
  assert.ok(log.includes(event.detail));
  assert.ok(!log.includes(breakGlass.reason) && !log.includes(code));
});

test("startControl: a port in use is listen/in-use, and the data directory is free again", async (t) => {
  const dataDirectory = await scratch(t);
  const holder = createServer().listen(0, "127.0.0.1");
  t.after(() => holder.close());
  await once(holder, "listening");
  const address = holder.address();
  assert.ok(typeof address === "object" && address !== null);
  const listen = { host: "127.0.0.1", port: address.port };
  await assert.rejects(startControl({ dataDirectory, listen, verbose: false }), {
    code: "listen/in-use",
  });
  await using _free = await startControl({ dataDirectory, listen: anyPort, verbose: false });
});

test("startControl: an address of another machine is listen/not-allowed", async (t) => {
  const listen = { host: "192.0.2.1", port: 7443 };
  await assert.rejects(startControl({ dataDirectory: await scratch(t), listen, verbose: false }), {
    code: "listen/not-allowed",
  });
});

test("startControl: what is unknown or malformed is answered as a document, not as a page", async (t) => {
  const dataDirectory = await scratch(t);
  await using control = await startControl({ dataDirectory, listen: anyPort, verbose: false });
  const { certificate, token } = await readClientFile(dataDirectory);
  const unknown = await get(`${control.url}/nosuch`, certificate, token);
  assert.equal(unknown.status, 404);
  assert.equal(JSON.parse(unknown.body).code, "api/not-found");
  const odd = await get(`${control.url}/api/v1/vms/x/views/processes?budget=x`, certificate, token);
  assert.equal(odd.status, 400);
  assert.equal(JSON.parse(odd.body).code, "usage");
  const long = `${control.url}/api/v1/vms/x/views/processes?limit=5001`;
  assert.equal((await get(long, certificate, token, "POST")).status, 400);
  const none = await get(`${control.url}/api/v1/vms/nosuch`, certificate, token);
  assert.equal(none.status, 404);
  assert.equal(JSON.parse(none.body).code, "vm/unknown");
});
