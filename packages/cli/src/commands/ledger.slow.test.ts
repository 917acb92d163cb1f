import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { Ledger } from "@casemate/ledger";

const casemate = resolve(import.meta.dirname, "../../../../casemate");

/** Runs the real command, as a person would. */
async function run(...args: readonly string[]) {
  const child = start(...args);
  const [code] = await once(child.process, "close");
  return { code, stdout: child.told.stdout, stderr: child.told.stderr };
}

function start(...args: readonly string[]) {
  const environment = { PATH: process.env["PATH"], HOME: "/nonexistent" };
  const child = spawn(casemate, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const told = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    told.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    told.stderr += chunk;
  });
  return { process: child, told };
}

/** A data directory with a ledger of five facts. */
async function makeData(t: TestContext): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), "casemate-ledger-cli-"));
  t.after(() => rm(data, { recursive: true, force: true }));
  await using ledger = await Ledger.open(join(data, "ledger"), { origin: "casemate.test/cli" });
  for (let i = 0; i < 5; i += 1) {
    await ledger.append({
      kind: "vm/started",
      actor: "account:alice",
      subject: "vm:web01",
      body: { attempt: i },
      sealed: { reason: `ticket ${i}` },
    });
  }
  return data;
}

test("casemate ledger: checkpoint, prove, verify, redact, rotate, fsck", async (t) => {
  const data = await makeData(t);
  const place = ["--data", data];
  const checkpoint = await run("ledger", "checkpoint", ...place);
  assert.match(checkpoint.stdout, /^casemate\.test\/cli\n5\n/, checkpoint.stderr);
  const since = join(data, "earlier");
  await writeFile(since, checkpoint.stdout);

  const alone = ["--ledger", join(data, "ledger")];
  const redact = ["redact", "1", "--name", "reason", "--why", "asked to"];
  const redacted = await run("ledger", ...redact, ...alone);
  assert.equal(redacted.code, 0, redacted.stderr);
  const again = await run("ledger", ...redact, ...alone);
  assert.match(again.stderr, /^casemate: Cannot redact fact 1: it has no sealed body/);
  const rotated = await run("ledger", "rotate", "--json", ...alone);
  const { key, fact } = JSON.parse(rotated.stdout);
  assert.match(key, /^casemate\.test\/cli\+/);
  assert.equal(fact, 6);

  const proof = await run("ledger", "prove", "0", "5", "--sealed", "--since", since, ...place);
  assert.equal(JSON.parse(proof.stdout).kind, "LedgerProof", proof.stderr);
  const file = join(data, "proof.json");
  await writeFile(file, proof.stdout);
  const verified = await run("ledger", "verify", file, "--key", JSON.parse(proof.stdout).firstKey);
  assert.match(verified.stdout, /vm\/started[\s\S]*ledger\/redacted/, verified.stderr);
  assert.match(verified.stdout, /Nothing of the first 5 facts was changed since\./);
  const unknown = await run("ledger", "verify", file);
  assert.equal(unknown.code, 3, "whose it is was not checked");
  const wrong = await run("ledger", "verify", file, "--key", key);
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  await writeFile(file, proof.stdout.replace("alice", "mallo"));
  assert.equal((await run("ledger", "verify", file)).code, 2);

  const fsck = await run("ledger", "fsck", "--ledger", join(data, "ledger"));
  assert.match(fsck.stdout, /^casemate\.test\/cli: no damage in 7 facts\.\n/, fsck.stderr);
  const tile = join(data, "ledger/tile/0/000.p/7");
  const bytes = await readFile(tile);
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  await writeFile(tile, bytes);
  const damaged = await run("ledger", "fsck", "--json", ...place);
  assert.equal(damaged.code, 2);
  const [damage] = JSON.parse(damaged.stdout).items;
  assert.deepEqual([damage.file, damage.place], ["tile/0/000.p/7", "byte 32"]);
});

test("casemate witness: signs what `casemate ledger checkpoint --witness` sends, from its own process", async (t) => {
  const data = await makeData(t);
  const fsck = await run("ledger", "fsck", "--json", "--data", data);
  const { firstKey } = JSON.parse(fsck.stdout);
  const place = ["--data", join(data, "witness"), "--name", "witness.test/w1"];
  const witness = start("witness", "--listen", "127.0.0.1:0", "--trust", firstKey, ...place);
  t.after(() => witness.process.kill("SIGKILL"));
  while (!witness.told.stdout.includes("Ctrl-C")) {
    await Promise.race([once(witness.process.stdout, "data"), once(witness.process, "close")]);
    assert.equal(witness.process.exitCode, null, witness.told.stderr);
  }
  const { url = "", key = "" } =
    /at (?<url>\S+)\s+key\s+(?<key>\S+)/.exec(witness.told.stdout)?.groups ?? {};
  const signed = await run("ledger", "checkpoint", "--witness", `${url}/=${key}`, "--data", data);
  assert.match(signed.stdout, /\n\u2014 witness\.test\/w1 \S+\n$/, signed.stderr);
  witness.process.kill("SIGTERM");
  const [code] = await once(witness.process, "close");
  assert.equal(code, 0, witness.told.stderr);
  const gone = await run("ledger", "checkpoint", "--witness", `${url}/=${key}`, "--data", data);
  assert.match(gone.stderr, /^casemate: Cannot reach the witness/);
  assert.equal(gone.code, 1);
});

test("casemate ledger anchor: to a command or not at all", async (t) => {
  const data = await makeData(t);
  const kept = join(data, "kept");
  const taken = await run("ledger", "anchor", "--data", data, "--", "tee", kept);
  assert.match(taken.stdout, /^The checkpoint of size 5 was taken\.\ncasemate\.test\/cli\n5\n/);
  assert.match(await readFile(kept, "utf8"), /^casemate\.test\/cli\n5\n/);
  const failed = await run(
    "ledger",
    "anchor",
    "--data",
    data,
    "--",
    "sh",
    "-c",
    "echo no >&2; exit 3",
  );
  assert.match(
    failed.stderr,
    /^casemate: Cannot anchor a checkpoint with sh: it ended with 3 "no"/,
  );
  assert.equal((await run("ledger", "anchor", "--data", data)).code, 64);
});

test("casemate ledger: what is not there, or in use, is said", async (t) => {
  const data = await makeData(t);
  const missing = await run("ledger", "checkpoint", "--data", join(data, "nosuch"));
  assert.match(missing.stderr, /^casemate: Cannot open the ledger .*: it has no keys/);
  await using _ledger = await Ledger.open(join(data, "ledger"), { origin: "casemate.test/cli" });
  const used = await run("ledger", "rotate", "--ledger", join(data, "ledger"));
  assert.match(used.stderr, new RegExp(`process ${process.pid} writes to it`));
  assert.equal((await run("ledger", "fsck", "--data", data)).code, 0);
  assert.equal((await run("ledger", "redact", "x", "--name", "x", "--why", "x")).code, 64);
  assert.equal((await run("ledger", "verify", "x", "--key", "x")).code, 64);
});
