import { PassThrough } from "node:stream";
import type { TestContext } from "node:test";
import { bootstrapPrincipal } from "../src/accounts/principal.ts";
import { createServer } from "../src/api/server.ts";
import { openCertificate } from "../src/tls/certificate.ts";
import { openSpine } from "./spine.fixture.ts";

const password = "correct horse battery staple";

/** A control plane on libvirt's own test driver with its API, and people who call it. */
export async function openApi(t: TestContext) {
  const fixture = await openSpine(t);
  const { services, directory } = fixture;
  const { people } = services;
  const stop = new AbortController();
  const app = await createServer(
    services,
    await openCertificate(directory),
    new PassThrough().resume(),
    stop.signal,
  );
  t.after(async () => {
    stop.abort();
    await app.close();
  });
  const login = async (name: string, role: "security-officer" | "operator" | "auditor") => {
    await people.accounts.create(
      { name, person: name, roles: [role], password },
      bootstrapPrincipal,
    );
    const address = "192.0.2.1";
    return (await people.login({ name, password, code: undefined, address })).token;
  };
  // An officer who has logged in would have to approve the others.
  const tokens = {
    operator: await login("otto", "operator"),
    auditor: await login("aino", "auditor"),
    officer: await login("silke", "security-officer"),
  };
  type Caller = keyof typeof tokens | undefined;
  const send = (who: Caller, method: "GET" | "POST", path: string, body?: object) =>
    app.inject({
      ...{ method, url: `/api/v1${path}` },
      headers: who === undefined ? {} : { authorization: `Bearer ${tokens[who]}` },
      ...(body === undefined ? {} : { payload: body }),
    });
  const call = async (who: Caller, method: "GET" | "POST", path: string, body?: object) => {
    const answer = await send(who, method, path, body);
    return { status: answer.statusCode, body: answer.json() };
  };
  const fetchBytes = async (who: Caller, path: string) => {
    const answer = await send(who, "GET", path);
    return { status: answer.statusCode, bytes: answer.rawPayload };
  };
  return { ...fixture, call, fetchBytes };
}
