import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { openCertificate } from "./certificate.ts";

const run = promisify(execFile);

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-tls-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("openCertificate: OpenSSL accepts it for this machine and finds the key to be its own", async (t) => {
  const directory = await scratch(t);
  const made = await openCertificate(directory);
  const certificate = join(directory, "tls.crt");
  const key = join(directory, "tls.key");
  assert.equal((await stat(key)).mode & 0o777, 0o600);
  for (const flag of [
    ["-verify_hostname", "localhost"],
    ["-verify_ip", "127.0.0.1"],
    ["-verify_ip", "::1"],
  ]) {
    await run("openssl", ["verify", "-x509_strict", "-CAfile", certificate, ...flag, certificate]);
  }
  const { stdout } = await run("openssl", [
    "x509",
    "-in",
    certificate,
    "-noout",
    "-fingerprint",
    "-sha256",
  ]);
  assert.ok(stdout.includes(made.fingerprint));
});

test("openCertificate: is kept while it is good, replaced when it is damaged", async (t) => {
  const directory = await scratch(t);
  const first = await openCertificate(directory);
  assert.equal((await openCertificate(directory)).fingerprint, first.fingerprint);
  await writeFile(join(directory, "tls.crt"), "nonsense");
  assert.notEqual((await openCertificate(directory)).fingerprint, first.fingerprint);
});

test("openCertificate: a client that trusts only this certificate connects, another does not", async (t) => {
  const made = await openCertificate(await scratch(t));
  const other = await openCertificate(await scratch(t));
  const server = createServer({ cert: made.certificate, key: made.key });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const good = connect({ host: "127.0.0.1", port: address.port, ca: made.certificate });
  await once(good, "secureConnect");
  good.destroy();
  const bad = connect({ host: "127.0.0.1", port: address.port, ca: other.certificate });
  await assert.rejects(once(bad, "secureConnect"), /self-signed certificate/);
});
