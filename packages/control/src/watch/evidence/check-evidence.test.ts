import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { formatTarHeader, TAR_BLOCK_BYTES } from "@casemate/formats";
import { usualAllowances } from "@casemate/inspect";
import { LedgerReader, parseVerifierKey, proveFacts, type VerifierKey } from "@casemate/ledger";
import fc from "fast-check";
import { openSpine, people, type SpineFixture } from "../../../test/spine.fixture.ts";
import { suspicionOf, verdictOf } from "../../../test/verdicts.ts";
import { vmResource } from "../../spine/gate.ts";
import { bundleNames } from "./bundle-names.ts";
import { BundleWriter } from "./bundle-writer.ts";
import { checkEvidence } from "./check-evidence.ts";

const never = new AbortController().signal;
const verifier = fileURLToPath(import.meta.resolve("@casemate/ledger/verifier"));

const stack = new AsyncDisposableStack();
let fixture: SpineFixture;
/** Where tests change things. */
let scratch: string;
/** A bundle of libvirt's own test VM, whose memory nobody can look into. */
let bundle: string;
let key: VerifierKey;
let bytes: Buffer;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-evidence-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  // The fixture ends with the file.
  fixture = await openSpine({ after: (end: () => Promise<void>) => stack.defer(end) });
  const { services, host, vm, directory } = fixture;
  const resource = vmResource(await host.hypervisor.domains.find(vm.uuid), host);
  const title = 'Process "evil\u001b[2J\u2028" is hidden.';
  const verdicts = [verdictOf([suspicionOf("1", { title })])];
  await services.findings.observe({ vm: resource, verdicts, at: new Date() });
  await services.responder.idle();
  const id = randomUUID();
  await services.spine.submit(
    { id, operation: "vm.evidence.save", target: vm, parameters: {}, principal: people.olga },
    never,
  );
  const { state, message, result } = await services.spine.settled(id, never);
  assert.equal(state, "done", message);
  bundle = join(directory, "evidence", `${id}.tar`);
  bytes = await readFile(bundle);
  assert.equal(result?.["bytes"], bytes.length);
  key = parseVerifierKey(services.ledger.keys[0]?.key.text ?? "");
});
after(() => stack.disposeAsync());

/** The names of parts that are not as they were sealed, with their states. */
async function oddParts(path: string, by: VerifierKey = key) {
  const { verdict, parts } = await checkEvidence(path, { key: by });
  const odd = parts.filter(({ state }) => state !== "ok");
  assert.equal(verdict, odd.length === 0 ? "sealed" : "not-sealed");
  return odd.map(({ name, state }) => `${name} ${state}`);
}

/** What is in the bundle, by name. */
function filesOf(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; archive[at] !== 0; ) {
    const name = archive.toString("latin1", at, archive.indexOf(0, at));
    const size = Number.parseInt(archive.toString("latin1", at + 124, at + 135), 8);
    files.set(name, archive.subarray(at + TAR_BLOCK_BYTES, at + TAR_BLOCK_BYTES + size));
    at += TAR_BLOCK_BYTES * (1 + Math.ceil(size / TAR_BLOCK_BYTES));
  }
  return files;
}

/** A bundle of these files, with digests as they should be. */
async function rewrite(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const path = join(scratch, `${randomUUID()}.tar`);
  await using writer = await BundleWriter.create(path);
  for (const [name, file] of files) if (name !== bundleNames.sums) await writer.add(name, file);
  await writer.end();
  return path;
}

test("EvidenceStore.save: what is sealed is verified with the ledger's key alone", async () => {
  const { verdict, parts, seal, unchecked } = await checkEvidence(bundle, { key });
  assert.equal(verdict, "sealed");
  assert.deepEqual(unchecked, []);
  assert.deepEqual(
    parts.map(({ name }) => name).toSorted(),
    [...Object.values(bundleNames), "findings.json", "vm.xml"].toSorted(),
  );
  assert.ok(seal);
  const { manifest, fact, facts } = seal;
  assert.equal(manifest.vm.uuid, fixture.vm.uuid);
  assert.equal(manifest.requester, "account:olga");
  assert.deepEqual(manifest.classes, ["kernelMetadata", "kernelText"]);
  assert.equal(manifest.kernel, null);
  assert.ok(manifest.missed.some(({ what }) => what === "the view kernel"));
  assert.equal(fact.body["evidence"], manifest.evidence);
  // What was found in data that the bundle is of is shown, and what plans say is not.
  assert.deepEqual(
    facts.map(({ kind, sealed }) => [kind, sealed !== undefined]),
    [
      ["finding/raised", true],
      ["response/rehearsed", false],
      ["request/made", false],
      ["operation/intended", false],
    ],
  );
});

test("EvidenceStore.save: what was cancelled, or whose process died, is no bundle, and goes", async () => {
  const { services, host, vm, directory } = fixture;
  const { evidence } = services;
  const [id, stop] = [randomUUID(), new AbortController()];
  const order = {
    ...{ id, host, runId: "1", actor: "account:olga", findings: undefined, memory: undefined },
    vm: vmResource(await host.hypervisor.domains.find(vm.uuid), host),
    classes: ["kernelMetadata"],
    allowances: usualAllowances,
  } as const; // the class is a literal
  await assert.rejects(evidence.save(order, () => stop.abort(), stop.signal));
  assert.equal(await evidence.stateOf(id), "partial");
  const left = join(directory, "evidence", `${id}.tar.partial`);
  await assert.rejects(checkEvidence(left, { key }), { code: "evidence/malformed" });
  await evidence.discard(id);
  assert.equal(await evidence.stateOf(id), "absent");
});

test("EvidenceStore.save: nothing of a guest's steers who reads it", () => {
  for (const [name, file] of filesOf(bytes)) {
    if (name.endsWith(".json") && !name.startsWith("ledger/")) {
      assert.doesNotMatch(file.toString("utf8"), /[^\x20-\x7e\n]/, name);
    }
  }
});

test("checkEvidence: who sealed it is known by a key or the published checkpoint, and by nothing else", async () => {
  const unknown = await checkEvidence(bundle, {});
  assert.equal(unknown.verdict, "inconclusive");
  assert.match(unknown.unchecked.join(), /^Who sealed it/);
  const published = filesOf(bytes).get(bundleNames.checkpoint)?.toString("utf8") ?? "";
  const { verdict, later } = await checkEvidence(bundle, { checkpoint: published });
  assert.equal(verdict, "sealed");
  assert.equal(later, published === "" ? 0 : Number(published.split("\n")[1]));
});

test("checkEvidence: a later checkpoint is tied to it by a proof, or not at all", async () => {
  const { services, directory } = fixture;
  const earlier = filesOf(bytes).get(bundleNames.checkpoint)?.toString("utf8") ?? "";
  await services.facts.record({ kind: "test/later", actor: "system", subject: "system", body: {} });
  const { note, size } = await services.ledger.checkpoint();
  const ledger = await LedgerReader.open(join(directory, "ledger"));
  const proof = JSON.stringify(await proveFacts(ledger, [0], { earlier }));
  const tied = await checkEvidence(bundle, { key, checkpoint: proof });
  assert.deepEqual([tied.verdict, tied.later], ["sealed", size]);
  const untied = await checkEvidence(bundle, { key, checkpoint: note });
  assert.equal(untied.verdict, "inconclusive");
  const without = JSON.stringify(await proveFacts(ledger, [0]));
  assert.equal((await checkEvidence(bundle, { key, checkpoint: without })).verdict, "inconclusive");
  const [origin, count, root = "", ...rest] = earlier.split("\n");
  const forked = [origin, count, root.replace(/^./, (first) => (first === "A" ? "B" : "A"))];
  await assert.rejects(
    checkEvidence(bundle, { key, checkpoint: [...forked, ...rest].join("\n") }),
    {
      code: "ledger/inconsistent",
    },
  );
});

test("checkEvidence: another byte anywhere is noticed", async () => {
  const path = join(scratch, "changed.tar");
  const places = fc.oneof(
    fc.nat(bytes.length - 1),
    // What seals it, and headers, are small beside the rest.
    fc.nat(511),
    fc.integer({ min: bytes.length - 8_192, max: bytes.length - 1 }),
  );
  await fc.assert(
    fc.asyncProperty(places, fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ mask;
      await writeFile(path, changed);
      try {
        const { verdict } = await checkEvidence(path, { key });
        assert.equal(verdict, "not-sealed", `byte ${at}`);
      } catch (thrown) {
        assert.equal(Object(thrown).code, "evidence/malformed", `byte ${at}: ${thrown}`);
      }
    }),
    { numRuns: 400 },
  );
});

test("checkEvidence: one that was cut off or goes on is none", async () => {
  const path = join(scratch, "cut.tar");
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
      await writeFile(path, bytes);
      await truncate(path, length);
      await assert.rejects(checkEvidence(path, { key }), { code: "evidence/malformed" });
    }),
    { numRuns: 50 },
  );
  await writeFile(path, Buffer.concat([bytes, Buffer.alloc(512)]));
  await assert.rejects(checkEvidence(path, { key }), { code: "evidence/malformed" });
});

test("checkEvidence: what was changed, taken away or put in is told by its name", async () => {
  const files = filesOf(bytes);
  const edit = (name: string, file: Uint8Array | undefined) => {
    const others = new Map<string, Uint8Array>(files);
    if (file === undefined) others.delete(name);
    else others.set(name, file);
    return rewrite(others);
  };
  assert.deepEqual(await oddParts(await rewrite(files)), []);
  const forged = Buffer.from(files.get("findings.json") ?? "");
  forged[forged.length - 20] = 0x30;
  assert.deepEqual(await oddParts(await edit("findings.json", forged)), ["findings.json changed"]);
  assert.deepEqual(await oddParts(await edit("vm.xml", undefined)), ["vm.xml missing"]);
  assert.deepEqual(await oddParts(await edit("views/log.json", Buffer.from("{}"))), [
    "views/log.json added",
  ]);
  const manifest = (files.get(bundleNames.manifest) ?? "").toString().replace("olga", "omar");
  assert.deepEqual(await oddParts(await edit(bundleNames.manifest, Buffer.from(manifest))), [
    "manifest.json changed",
    ...["vm.xml", "findings.json"].map((name) => `${name} unproven`),
  ]);
  for (const name of [bundleNames.proof, bundleNames.checkpoint, bundleNames.manifest]) {
    assert.ok((await oddParts(await edit(name, undefined))).includes(`${name} missing`));
  }
});

test("checkEvidence: whoever seals it anew with a key of their own is not believed", async (t) => {
  const other = await openSpine(t);
  const known = parseVerifierKey(other.services.ledger.keys[0]?.key.text ?? "");
  const odd = await oddParts(bundle, known);
  assert.ok(odd.includes("ledger/proof.json changed"));
  assert.ok(odd.includes("manifest.json unproven"));
});

test("readBundle: refuses what tar lets into an archive, in one sentence", async () => {
  const tree = join(scratch, "tree");
  await mkdir(tree);
  await writeFile(join(tree, "manifest.json"), "{}");
  await symlink("/etc/passwd", join(tree, "findings.json"));
  const pack = (name: string, ...args: readonly string[]) => {
    const path = join(scratch, `${name}.tar`);
    execFileSync("tar", ["-C", tree, "-cPf", path, ...args], { stdio: "pipe" });
    return path;
  };
  const block = (name: string, size = 0) => formatTarHeader(name, size);
  const end = Buffer.alloc(1024);
  const made = {
    "a name that leads out": Buffer.concat([block("../manifest.json"), end]),
    "an absolute name": Buffer.concat([block("/manifest.json"), end]),
    "a name twice": Buffer.concat([block("vm.xml"), block("vm.xml"), end]),
    "a name twice but for its case": Buffer.concat([block("vm.xml"), block("Vm.xml"), end]),
    "a size without an end": Buffer.concat([block("vm.xml", 2 ** 50), end]),
    "a manifest without an end": Buffer.concat([block("manifest.json", 2 ** 40), end]),
    "something in the padding": Buffer.concat([block("vm.xml", 1), Buffer.alloc(512, 1), end]),
    "nothing at all": Buffer.alloc(0),
    "no end mark": Buffer.concat([block("vm.xml"), Buffer.alloc(512)]),
    "too many files": Buffer.concat([
      ...Array.from({ length: 2_049 }, (_, index) => block(`f${index}`)),
      end,
    ]),
  };
  const paths = [
    pack("link", "findings.json"),
    pack("directory", "."),
    pack("owner", "manifest.json"),
    pack("out", "../tree/manifest.json"),
  ];
  for (const [name, archive] of Object.entries(made)) {
    const path = join(scratch, `${name}.tar`);
    await writeFile(path, archive);
    paths.push(path);
  }
  for (const path of paths) {
    await assert.rejects(
      checkEvidence(path, { key }),
      { code: "evidence/malformed", message: /^Cannot read the evidence bundle: .*expected .*\.$/ },
      path,
    );
  }
  for (const path of [tree, join(scratch, "nowhere.tar")]) {
    await assert.rejects(checkEvidence(path, { key }), { code: "evidence/unreadable" });
  }
});

test("docs/evidence.md: other people's tools check a bundle as it says", async () => {
  const docs = await readFile(new URL("../../../../../docs/evidence.md", import.meta.url), "utf8");
  const script = /```sh\n(.*?)```/s.exec(docs)?.[1] ?? "";
  const cwd = join(scratch, "out");
  await mkdir(cwd);
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
    ...{ BUNDLE: bundle, KEY: key.text, VERIFIER: verifier },
  };
  const check = () => spawnSync("sh", ["-euc", script], { cwd, env, encoding: "utf8" });
  assert.match(execFileSync("tar", ["-tf", bundle], { encoding: "utf8" }), /^vm\.xml\nfindings/);
  const { status, stdout, stderr } = check();
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^ledger\/proof\.json: OK$[\s\S]*Verified Successfully[\s\S]*in the tree/m);
});
