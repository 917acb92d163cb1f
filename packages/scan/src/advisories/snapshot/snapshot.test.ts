import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { debVersions } from "../../versions/deb-versions.ts";
import type { Advisory, VersionRange } from "../advisory.ts";
import { osvRecords } from "../feeds.fixture.ts";
import { parseOsv } from "../parse-osv.ts";
import { AdvisorySnapshot } from "./advisory-snapshot.ts";
import { formatColumns, parseColumns } from "./columns.ts";
import { readSnapshot, writeSnapshot } from "./signed-snapshot.ts";
import { SnapshotBuilder } from "./snapshot-builder.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-snapshot-"));
});
after(() => rm(directory, { recursive: true, force: true }));

function makeSigner(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    signer: { verifier: { name }, sign: (message: Uint8Array) => sign(null, message, privateKey) },
    verifier: { name, keyObject: publicKey },
  };
}

function build(advisories: readonly Advisory[]): AdvisorySnapshot {
  const builder = new SnapshotBuilder();
  builder.addAdvisories("feed", advisories, 0);
  return new AdvisorySnapshot(builder.finish());
}

const advisory = (id: string, affected: readonly VersionRange[]): Advisory => ({
  id,
  cves: [],
  ecosystem: "Debian:12",
  package: "p",
  affected,
  verdict: "affected",
});

test("AdvisorySnapshot.hits: says of every version what comparing it with every range says", () => {
  const version = fc
    .tuple(
      fc.constantFrom("", "1:"),
      fc.constantFrom("1", "1.0", "1.00", "2", "2~rc1"),
      fc.constantFrom("", "-1", "-1+deb12u1"),
    )
    .map((parts) => parts.join(""));
  const range = fc.record(
    { introduced: version, fixed: version, lastAffected: version },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(range, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
      fc.array(version),
      (all, asked) => {
        const snapshot = build(all.map((ranges, i) => advisory(`A${i}`, ranges)));
        const advised = snapshot.find("Debian:12", "p");
        for (const text of asked) {
          const isIn = ({ introduced, fixed, lastAffected }: VersionRange) =>
            (introduced === undefined || debVersions.compare(text, introduced) >= 0) &&
            (fixed !== undefined
              ? debVersions.compare(text, fixed) < 0
              : lastAffected === undefined || debVersions.compare(text, lastAffected) <= 0);
          const expected = all.flatMap((ranges, i) => (ranges.some(isIn) ? [`A${i}`] : []));
          const hits = advised === undefined ? [] : snapshot.hits(advised, text);
          assert.deepEqual(
            hits.map(({ id }) => id),
            expected,
          );
        }
      },
    ),
  );
});

test("AdvisorySnapshot.hits: gives back what the advisory said", () => {
  const [left] = parseOsv(osvRecords[0]).advisories;
  assert.ok(left !== undefined);
  const snapshot = build([left]);
  const advised = snapshot.find("npm", "left-lib");
  assert.ok(advised !== undefined);
  assert.deepEqual(snapshot.hits(advised, "2.0.5"), [
    {
      id: "GHSA-aaaa-bbbb-cccc",
      cves: ["CVE-2024-10001"],
      feed: "feed",
      verdict: "affected",
      reason: null,
      fixed: "2.1.0",
      severity: left.severity,
      published: "2024-03-01T10:00:00.000Z",
    },
  ]);
  assert.deepEqual(snapshot.hits(advised, "1.5.0"), []);
  assert.equal(snapshot.find("npm", "constructor"), undefined);
  assert.equal(snapshot.find("__proto__", "left-lib"), undefined);
});

test("SnapshotBuilder: the same feeds make the same bytes, in whatever order; what cannot be compared is counted", () => {
  const parts = osvRecords.map((record) => parseOsv(record).advisories);
  const contentsOf = (order: typeof parts) => {
    const builder = new SnapshotBuilder();
    for (const advisories of order) builder.addAdvisories("osv", advisories, 0);
    return builder.finish();
  };
  const hits = (contents: Buffer) => {
    const snapshot = new AdvisorySnapshot(contents);
    const advised = snapshot.find("PyPI", "right-lib");
    return advised === undefined ? [] : snapshot.hits(advised, "3.1");
  };
  assert.deepEqual(contentsOf(parts), contentsOf(parts.toReversed()));
  assert.equal(hits(contentsOf(parts)).length, 2);
  const builder = new SnapshotBuilder();
  builder.addAdvisories(
    "x",
    [advisory("A", [{ fixed: "no version" }]), advisory("B", [{ fixed: "1" }])],
    3,
  );
  assert.deepEqual(builder.feeds, [{ name: "x", advisories: 1, skipped: 4 }]);
  const only = new SnapshotBuilder((ecosystem) => ecosystem === "npm");
  for (const advisories of parts) only.addAdvisories("osv", advisories, 0);
  assert.equal(new AdvisorySnapshot(only.finish()).size, 1);
});

test("writeSnapshot, readSnapshot: named by its contents, read only as it was signed", async () => {
  const { signer, verifier } = makeSigner("advisories.test");
  const stranger = makeSigner("advisories.test");
  const builder = new SnapshotBuilder();
  for (const record of osvRecords) builder.addAdvisories("osv", parseOsv(record).advisories, 0);
  const path = await writeSnapshot(directory, builder, signer, new Date("2024-06-01T00:00:00Z"));
  const { manifest, snapshot } = await readSnapshot(path, [stranger.verifier, verifier]);
  assert.equal(basename(path), `${manifest.sha256}.advisories`);
  assert.equal(manifest.created, "2024-06-01T00:00:00.000Z");
  assert.deepEqual(manifest.feeds, [{ name: "osv", advisories: 7, skipped: 0 }]);
  assert.equal(snapshot.size, 7);
  await assert.rejects(readSnapshot(path, [stranger.verifier]), { code: "feed/untrusted" });
  await assert.rejects(readSnapshot(path, []), { code: "feed/untrusted" });
  const bytes = await readFile(path);
  const mutant = join(directory, "mutant");
  for (let at = 0; at < bytes.length; at += 3) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x04;
    await writeFile(mutant, changed);
    await assert.rejects(
      readSnapshot(mutant, [verifier]),
      { code: "feed/untrusted" },
      `byte ${at}`,
    );
    await writeFile(mutant, bytes.subarray(0, at));
    await assert.rejects(
      readSnapshot(mutant, [verifier]),
      { code: "feed/untrusted" },
      `${at} bytes`,
    );
  }
});

test("parseColumns: what formatColumns wrote; a part of it is refused", () => {
  const columns = {
    a: Uint8Array.of(1, 2, 3),
    b: Uint32Array.of(7, 2 ** 32 - 1),
    c: new Uint32Array(0),
  };
  const bytes = formatColumns(columns);
  assert.deepEqual(Object.fromEntries(parseColumns(bytes)), columns);
  const shifted = Buffer.concat([Buffer.alloc(1), bytes]).subarray(1);
  assert.deepEqual(Object.fromEntries(parseColumns(shifted)), columns);
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => parseColumns(bytes.subarray(0, length)), { code: "feed/malformed" });
  }
  assert.throws(() => new AdvisorySnapshot(bytes), { code: "feed/malformed" });
});
