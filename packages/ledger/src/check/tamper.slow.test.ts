import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { milliseconds } from "@casemate/core";
import { draft, origin } from "../../test/scratch.ts";
import { generateSigningKey } from "../notes/signing-key.ts";
import { SignatureType } from "../notes/verifier-key.ts";
import { Ledger } from "../storage/ledger.ts";
import { Witness } from "../witness/witness.ts";
import { serveWitness } from "../witness/witness-server.ts";
import { checkLedger } from "./check-ledger.ts";
import { listFiles } from "./list-files.ts";

const verifier = fileURLToPath(new URL("../../verifier/casemate-verify.mjs", import.meta.url));

let room = "";
let directory = "";
let firstKey = "";

/** A ledger with everything that a ledger can have: two keys, a witness, sealed bodies, a journal. */
before(async () => {
  room = await mkdtemp(join(tmpdir(), "casemate-tamper-"));
  const written = join(room, "written");
  directory = join(room, "ledger");
  await using witness = await Witness.open(join(room, "witness"), "witness.test/w1");
  await using server = await serveWitness(witness, { host: "127.0.0.1", port: 0 });
  await using ledger = await Ledger.open(written, {
    origin,
    checkpointAfter: milliseconds(600_000),
  });
  const append = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => ledger.append(draft(from + i))));
  const [first] = ledger.keys;
  if (first === undefined) return;
  firstKey = first.key.text;
  await witness.trust(first.key);
  await append(0, 300);
  await ledger.cosign([{ url: server.url, key: witness.key }]);
  await ledger.redact(7, { actor: "account:dpo", reason: "asked to" });
  await ledger.rotateKey("account:alice");
  await append(300, 520);
  await ledger.checkpoint();
  await append(520, 530);
  // Copied as it stands, as a kill leaves it: with facts in its journal.
  await cp(written, directory, { recursive: true });
  await copyFile(verifier, join(room, "verify.mjs"));
});

after(() => rm(room, { recursive: true, force: true }));

interface Verified {
  readonly code: number;
  readonly stdout: string;
}

/** The verifier, a plain copy alone in its directory. */
async function verify(...args: readonly string[]): Promise<Verified> {
  return await new Promise((resolve) => {
    execFile(process.execPath, ["verify.mjs", ...args], { cwd: room }, (error, stdout) => {
      resolve({ code: Number(error?.code ?? 0), stdout });
    });
  });
}

test("checkLedger, casemate-verify: a ledger as it was written has no damage", async () => {
  const check = await checkLedger(directory);
  assert.deepEqual(check.damages, []);
  assert.deepEqual([check.size, check.pending], [522, 10]);
  const { code, stdout } = await verify("ledger", "--key", firstKey);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /522 facts under the checkpoint, 10 waiting.*\nVERIFIED\.\n$/);
});

test("checkLedger, casemate-verify: a changed bit in any file is found, and the file is named", async () => {
  const files = [...(await listFiles(directory))].filter((path) => path !== "lock");
  for (const needed of ["checkpoint", "checkpoint.cosigned", "keys", "witnesses", "signing-key"]) {
    assert.ok(files.includes(needed), needed);
  }
  for (const needed of [
    /^tile\/0\//,
    /^tile\/1\//,
    /^tile\/entries\//,
    /^sealed\//,
    /^journal\//,
  ]) {
    assert.ok(
      files.some((path) => needed.test(path)),
      String(needed),
    );
  }
  for (const path of files) {
    const file = join(directory, path);
    const bytes = await readFile(file);
    for (let round = 0; round < 3; round += 1) {
      // Its first byte, its last, and one in between.
      const at = [0, bytes.length - 1, Math.floor(Math.random() * bytes.length)][round] ?? 0;
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
      const what = `${path}, byte ${at}: ${bytes[at]} became ${changed[at]}`;
      await writeFile(file, changed);
      const { damages } = await checkLedger(directory);
      assert.ok(
        damages.some((damage) => damage.file === path),
        `${what}: ${JSON.stringify(damages)}`,
      );
      if (round === 2) {
        const { code, stdout } = await verify("ledger");
        assert.equal(code, 2, `${what}: ${stdout}`);
        assert.ok(stdout.includes(`DAMAGED ${path}`), `${what}: ${stdout}`);
      }
    }
    await writeFile(file, bytes);
  }
  assert.deepEqual((await checkLedger(directory)).damages, []);
});

test("checkLedger, casemate-verify: the place is named: one entry, one hash, one sealed body", async () => {
  const expectPlace = async (path: string, at: number, place: RegExp) => {
    const file = join(directory, path);
    const bytes = await readFile(file);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await writeFile(file, changed);
    const { damages } = await checkLedger(directory);
    const { stdout } = await verify("ledger");
    await writeFile(file, bytes);
    assert.deepEqual(
      damages.map((each) => each.file),
      [path],
    );
    assert.match(damages[0]?.place ?? "", place);
    assert.match(stdout, new RegExp(`DAMAGED ${path}, ${place.source.slice(1, -1)}`));
    assert.equal(stdout.split("DAMAGED").length, 2, stdout);
  };
  await expectPlace("tile/0/001", 32 * 9 + 3, /^byte 288$/);
  await expectPlace("tile/1/000.p/2", 40, /^byte 32$/);
  await expectPlace("tile/entries/000", 100, /^entry 0 \(fact 0\)$/);
  await expectPlace("sealed/001", 20, /^line 1.*$/);
});

test("checkLedger, casemate-verify: files that are missing or too many are found", async () => {
  for (const path of [
    "tile/0/001",
    "tile/entries/000",
    "sealed/001",
    "journal/0000000000000522",
    "keys",
  ]) {
    const file = join(directory, path);
    const bytes = await readFile(file);
    await rm(file);
    const { code, stdout } = await verify("ledger");
    const { damages } = await checkLedger(directory);
    await writeFile(file, bytes);
    if (path.startsWith("journal/")) continue; // nobody but a checkpoint can tell that facts are missing at the end
    assert.equal(code, 2, stdout);
    assert.ok(
      damages.some((damage) => damage.file === path),
      JSON.stringify(damages),
    );
    assert.ok(stdout.includes(`DAMAGED ${path}`), stdout);
  }
  for (const path of ["notes.txt", "tile/0/999", "sealed/x", "journal/x"]) {
    const file = join(directory, path);
    await writeFile(file, "x");
    const { damages } = await checkLedger(directory);
    const { code, stdout } = await verify("ledger");
    await rm(file);
    assert.ok(
      damages.some((damage) => damage.file === path),
      path,
    );
    assert.equal(code, 2, path);
    assert.ok(stdout.includes(`DAMAGED ${path}`), stdout);
  }
});

test("checkLedger, casemate-verify: another ledger's key is not believed", async () => {
  const key = generateSigningKey(origin, SignatureType.ed25519).verifier;
  const { damages } = await checkLedger(directory, { firstKey: key });
  assert.deepEqual(
    damages.map(({ file, place }) => [file, place]),
    [["keys", "line 1"]],
  );
  const { code, stdout } = await verify("ledger", "--key", key.text);
  assert.equal(code, 2);
  assert.match(stdout, /DAMAGED keys, line 1: The first key is not the one that you trust\./);
});

test("casemate-verify: usage and what is not there have exit codes of their own", async () => {
  assert.equal((await verify()).code, 64);
  assert.equal((await verify("ledger", "--nosuch")).code, 64);
  assert.equal((await verify("ledger", "--key", "nonsense")).code, 64);
  assert.equal((await verify("nosuch")).code, 1);
});
