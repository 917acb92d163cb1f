import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { draft, origin, scratch } from "../../test/scratch.ts";
import { formatBase64 } from "../notes/base64.ts";
import { parseNote, verifyNote } from "../notes/signed-note.ts";
import { generateSigningKey } from "../notes/signing-key.ts";
import { SignatureType } from "../notes/verifier-key.ts";
import { Ledger } from "../storage/ledger.ts";
import { LedgerReader } from "../storage/ledger-reader.ts";
import { formatAddCheckpoint, parseAddCheckpoint } from "./add-checkpoint.ts";
import { Witness } from "./witness.ts";
import { serveWitness } from "./witness-server.ts";

async function appendTo(directory: string, count: number): Promise<void> {
  await using ledger = await Ledger.open(directory, { origin });
  await Promise.all(Array.from({ length: count }, (_, i) => ledger.append(draft(i))));
}

/** A ledger of some facts, and a witness that trusts it. */
async function setUp(t: TestContext) {
  const room = await scratch(t);
  const directory = join(room, "ledger");
  await appendTo(directory, 3);
  const witness = await Witness.open(join(room, "witness"), "witness.test/w1");
  t.after(() => witness[Symbol.asyncDispose]());
  const [first] = (await LedgerReader.open(directory)).keys;
  if (first !== undefined) await witness.trust(first.key);
  return { room, directory, witness };
}

/** What the ledger would send to a witness that has seen `oldSize` facts. */
async function requestFor(directory: string, oldSize: number) {
  const { checkpoint, facts } = await LedgerReader.open(directory);
  const consistency = await facts.tree.proveConsistency(oldSize, checkpoint.size);
  return { oldSize, consistency, note: checkpoint.note };
}

test("Witness.addCheckpoint: signs what continues what it has seen", async (t) => {
  const { directory, witness } = await setUp(t);
  for (const oldSize of [0, 3, 6]) {
    const request = await requestFor(directory, oldSize);
    const { status, body } = await witness.addCheckpoint(formatAddCheckpoint(request));
    assert.equal(status, 200, body);
    const note = parseNote(request.note + body);
    assert.deepEqual(verifyNote(note, [witness.key]), [witness.key]);
    await appendTo(directory, 3);
  }
});

test("Witness.addCheckpoint: answers what C2SP tlog-witness says to everything else", async (t) => {
  const { directory, witness } = await setUp(t);
  const ask = (body: string) => witness.addCheckpoint(body);
  const first = await requestFor(directory, 0);
  const stranger = generateSigningKey(origin, SignatureType.ed25519).verifier;
  assert.equal((await ask("nonsense")).status, 400);
  assert.equal((await ask(formatAddCheckpoint({ ...first, note: "nonsense" }))).status, 400);
  const other = first.note.replaceAll(origin, "other.test");
  assert.equal((await ask(formatAddCheckpoint({ ...first, note: other }))).status, 404);
  const unsigned = first.note.replace("\n3\n", "\n4\n");
  assert.equal((await ask(formatAddCheckpoint({ ...first, note: unsigned }))).status, 403);
  assert.equal((await ask(formatAddCheckpoint({ ...first, oldSize: 4 }))).status, 400);
  const needless = { ...first, consistency: [stranger.publicKey] };
  assert.equal((await ask(formatAddCheckpoint(needless))).status, 422);
  const early = await ask(formatAddCheckpoint({ ...first, oldSize: 2 }));
  assert.deepEqual(early, { status: 409, contentType: "text/x.tlog.size", body: "0\n" });

  assert.equal((await ask(formatAddCheckpoint(first))).status, 200);
  assert.equal((await ask(formatAddCheckpoint(first))).body, "3\n");
  await appendTo(directory, 2);
  const second = await requestFor(directory, 3);
  const wrong = { ...second, consistency: second.consistency.slice(1) };
  assert.equal((await ask(formatAddCheckpoint(wrong))).status, 422);
  assert.equal((await ask(formatAddCheckpoint(second))).status, 200);
  const again = await requestFor(directory, 5);
  assert.equal((await ask(formatAddCheckpoint(again))).status, 200);
});

test("Witness: of many requests at once only one is signed from each size", async (t) => {
  const { directory, witness } = await setUp(t);
  const body = formatAddCheckpoint(await requestFor(directory, 0));
  const answers = await Promise.all(Array.from({ length: 8 }, () => witness.addCheckpoint(body)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(409)]);
});

test("Witness: remembers across restarts, and keeps its key", async (t) => {
  const { room, directory, witness } = await setUp(t);
  const path = join(room, "witness");
  await assert.rejects(Witness.open(path, "x.test"), { code: "data/in-use" });
  await witness.addCheckpoint(formatAddCheckpoint(await requestFor(directory, 0)));
  await witness[Symbol.asyncDispose]();
  await using again = await Witness.open(path, "ignored.test");
  assert.equal(again.key.text, witness.key.text);
  assert.deepEqual(again.trusted, witness.trusted);
  const answer = await again.addCheckpoint(formatAddCheckpoint(await requestFor(directory, 0)));
  assert.equal(answer.body, "3\n");
});

test("Ledger.cosign: a ledger that was set back or rewritten is told so", async (t) => {
  const { room, directory, witness } = await setUp(t);
  await using server = await serveWitness(witness, { host: "127.0.0.1", port: 0 });
  const witnesses = [{ url: server.url, key: witness.key }];
  const old = join(room, "old");
  await cp(directory, old, { recursive: true });
  await appendTo(directory, 3);
  {
    await using ledger = await Ledger.open(directory, { origin });
    const cosigned = await ledger.cosign(witnesses);
    assert.deepEqual(cosigned.failures, []);
    assert.deepEqual(verifyNote(parseNote(cosigned.note), [witness.key]), [witness.key]);
  }
  // Set back: fewer facts than the witness has seen. Rewritten: as many, or more, and others.
  for (const more of [0, 3, 4]) {
    await rm(directory, { recursive: true });
    await cp(old, directory, { recursive: true });
    await appendTo(directory, more);
    await using ledger = await Ledger.open(directory, { origin });
    const { failures } = await ledger.cosign(witnesses);
    assert.equal(Object(failures[0]?.error).code, "ledger/inconsistent", `${more}`);
  }
});

test("Ledger.cosign: a witness that fails keeps no other from it; no answer is believed", async (t) => {
  const { directory, witness } = await setUp(t);
  await using server = await serveWitness(witness, { host: "127.0.0.1", port: 0 });
  const wrong = generateSigningKey("witness.test/w1", SignatureType.cosignature).verifier;
  const hostile = createServer((request, response) => {
    const answers: Record<string, [number, string]> = {
      "/a/add-checkpoint": [200, "\u2014 witness.test/w1 AAAAAAAA\n"],
      "/b/add-checkpoint": [409, "not a size\n"],
      "/c/add-checkpoint": [200, "x".repeat(100_000)],
    };
    const [status, body] = answers[request.url ?? ""] ?? [500, "\u001b[31m"];
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => hostile.listen(0, "127.0.0.1", resolve));
  t.after(() => hostile.close());
  const { port } = hostile.address() as AddressInfo; // it listens on TCP
  await using ledger = await Ledger.open(directory, { origin });
  const key = witness.key;
  const cosigned = await ledger.cosign([
    { url: "http://127.0.0.1:1", key },
    { url: server.url, key: wrong },
    ...["a", "b", "c", "d"].map((path) => ({ url: `http://127.0.0.1:${port}/${path}`, key })),
    { url: server.url, key },
  ]);
  assert.deepEqual(cosigned.witnesses, [{ url: server.url, key }]);
  assert.equal(cosigned.failures.length, 6);
  for (const { error } of cosigned.failures) {
    assert.match(String(Object(error).code), /^ledger\/(witness-failed|malformed)$/);
  }
});

test("serveWitness: other paths, other methods and large bodies are refused", async (t) => {
  const { witness } = await setUp(t);
  await using server = await serveWitness(witness, { host: "127.0.0.1", port: 0 });
  const status = async (path: string, init: RequestInit) =>
    (await fetch(`${server.url}${path}`, init)).status;
  assert.equal(await status("/", {}), 404);
  assert.equal(await status("/add-checkpoint", {}), 405);
  assert.equal(await status("/add-checkpoint", { method: "POST", body: "x" }), 400);
  assert.equal(await status("/add-checkpoint", { method: "POST", body: "x".repeat(70_000) }), 413);
  const port = Number(new URL(server.url).port);
  const taken = serveWitness(witness, { host: "127.0.0.1", port });
  await assert.rejects(taken, { code: "listen/in-use" });
});

test("parseAddCheckpoint: reads the example of C2SP tlog-witness", () => {
  const proof = [
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
  ];
  const note =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u2014 x y\n";
  const body = `old 20852014\n${proof.join("\n")}\n\n${note}`;
  const request = parseAddCheckpoint(body);
  assert.equal(request.oldSize, 20852014);
  assert.deepEqual(request.consistency.map(formatBase64), proof);
  assert.equal(request.note, note);
  assert.equal(formatAddCheckpoint(request), body);
});
