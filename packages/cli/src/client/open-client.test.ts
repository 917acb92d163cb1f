import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startControl } from "@casemate/control";
import { parseEnvironment } from "../environment.ts";
import { openClient } from "./open-client.ts";
import { readClientFile } from "./read-client-file.ts";
import { writeSessionFile } from "./session-file.ts";

const stack = new AsyncDisposableStack();
const environment = parseEnvironment({}, 0);
/** Two control planes; the user is logged in to the first, as `bootstrap`. */
let first: string;
let second: string;
let sessionFile: string;

before(async () => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-client-"));
  await chmod(scratch, 0o755);
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  [first, second] = [join(scratch, "first"), join(scratch, "second")];
  const start = async (dataDirectory: string) => {
    const listen = { host: "127.0.0.1", port: 0 };
    return stack.use(await startControl({ dataDirectory, listen, verbose: false }));
  };
  const control = await start(first);
  await start(second);
  sessionFile = join(scratch, "session.json");
  const token = (await control.takeBootstrapToken()) ?? "";
  const { url, certificate } = await readClientFile(first);
  // As `login --server` writes it: the same certificate, in PEM of other lines.
  const lines = new X509Certificate(certificate).raw.toString("base64").match(/.{1,48}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  await writeSessionFile(sessionFile, { url, token, certificate: pem });
  await chmod(sessionFile, 0o644);
});
after(() => stack.disposeAsync());

/** Whom the control plane that was chosen takes the client for, and who it is. */
async function ask(data?: string, session = sessionFile): Promise<unknown> {
  const directories = { ...environment, dataDirectory: second, sessionFile: session };
  const client = await openClient(directories, { data });
  return (await client.get("/api/v1/principal"))["account"];
}

test("openClient: without --data it is the session, or the client file where nobody is logged in", async () => {
  assert.equal(await ask(), "bootstrap");
  assert.equal(await ask(undefined, `${sessionFile}.none`), "local");
});

test("openClient: with --data the session serves at its own control plane and at no other", async () => {
  assert.equal(await ask(first), "bootstrap");
  assert.equal(await ask(second), "local");
  await assert.rejects(ask(`${first}-none`), { code: "api/unreachable" });
});

test("openClient: whoever may not read the client file is left with the session", async (t) => {
  const { seteuid } = process;
  if (seteuid === undefined || process.getuid?.() !== 0) {
    t.skip("only root can become somebody else");
    return;
  }
  seteuid.call(process, 65_534);
  try {
    assert.equal(await ask(second), "bootstrap");
    await assert.rejects(ask(second, `${sessionFile}.none`), { code: "system/not-permitted" });
  } finally {
    seteuid.call(process, 0);
  }
});
