import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { browserProgram, openPage } from "../../test/headless-browser.ts";
import { startControl } from "../control.ts";

const password = "correct horse battery staple";

test("Passkeys: a browser makes one at the API's own origin, and logs in with it and nothing else", async (t) => {
  if (!existsSync(browserProgram)) {
    t.skip(`${browserProgram} is not there: install chromium-headless-shell`);
    return;
  }
  const dataDirectory = await mkdtemp(join(tmpdir(), "casemate-passkeys-"));
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  const listen = { host: "127.0.0.1", port: 0 };
  await using control = await startControl({ dataDirectory, listen, verbose: false });
  const { certificate } = JSON.parse(await readFile(join(dataDirectory, "client.json"), "utf8"));

  /** What the API answers, which must be yes. */
  const ask = async (method: string, path: string, token?: string, body?: object) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const content = body === undefined ? {} : { "content-type": "application/json" };
    const headers = { ...authorization, ...content };
    const url = new URL(`/api/v1/${path}`, control.url);
    const sent = request(url, { method, ca: certificate, headers, agent: false });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = await once(sent, "response");
    const text = Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>)).toString(); // without an encoding it gives bytes
    assert.equal(response.statusCode, 200, text);
    return JSON.parse(text);
  };
  const draft = { name: "ada", person: "ada", roles: ["owner"], password };
  await ask("POST", "accounts", await control.takeBootstrapToken(), draft);
  const { token } = await ask("POST", "login", undefined, { name: "ada", password });

  const { port } = new URL(control.url);
  const { publicKey } = new X509Certificate(certificate);
  const key = publicKey.export({ type: "spki", format: "der" });
  const trusted = createHash("sha256").update(key).digest("base64");
  await using page = await openPage(`https://localhost:${port}/healthz`, trusted);
  assert.equal(await page.evaluate("window.isSecureContext"), true);
  await page.send("WebAuthn.enable");
  const authenticator = { protocol: "ctap2", transport: "internal", isUserVerified: true };
  const options = { ...authenticator, hasResidentKey: true, hasUserVerification: true };
  await page.send("WebAuthn.addVirtualAuthenticator", { options });

  const adding = await ask("POST", "account/passkeys/options", token);
  const made = await page.evaluate(ceremony("create", "Creation", adding.options));
  const passkey = { ceremony: adding.ceremony, name: "laptop", response: made };
  await ask("POST", "account/passkeys", token, passkey);
  const { passkeys } = await ask("GET", "account", token);
  assert.deepEqual(
    passkeys.map(({ name }: { readonly name: string }) => name),
    ["laptop"],
  );

  const begun = await ask("POST", "login/passkey/options");
  const response = await page.evaluate(ceremony("get", "Request", begun.options));
  const login = { ceremony: begun.ceremony, response };
  const session = await ask("POST", "login/passkey", undefined, login);
  const principal = await ask("GET", "principal", session.token);
  assert.deepEqual([principal.account, principal.mfa], ["ada", true]);
});

/** A script that has the browser create or get a credential, both ways in WebAuthn's JSON (level 3, 5.1.8-10). */
function ceremony(does: "create" | "get", kind: "Creation" | "Request", options: object): string {
  const parse = `PublicKeyCredential.parse${kind}OptionsFromJSON(${JSON.stringify(options)})`;
  return `navigator.credentials.${does}({ publicKey: ${parse} }).then((made) => made.toJSON())`;
}
