/**
 * Matching stored inventories against advisories: 1,000 systems of 300 packages, 200,000 advisories, beside what
 * a plain join by name does with the same comparison of versions, and SQLite.
 *
 * Names, versions and numbers are made up; how they spread is Debian's: some sources have thousands of
 * advisories, most a handful, nearly all of them fixed long ago; systems are at one of a few patch levels, or, at
 * worst, no two have a version in common.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MiB } from "@casemate/core";
import type { Advisory } from "../src/advisories/advisory.ts";
import { readSnapshot, writeSnapshot } from "../src/advisories/snapshot/signed-snapshot.ts";
import { SnapshotBuilder } from "../src/advisories/snapshot/snapshot-builder.ts";
import { matchInventories, type PackageInventory } from "../src/match/match-inventories.ts";
import type { InstalledPackage } from "../src/packages/installed-package.ts";
import { debVersions } from "../src/versions/deb-versions.ts";

const SYSTEMS = 1000;
const PACKAGES = 300;
const ADVISORIES = 200_000;
const SOURCES = 4000;
const UPDATES = 120;
const PATCH_LEVELS = 4;
const RUNS = 5;
/** The peers need so long that they get a part of the systems. */
const PEERS_SYSTEMS = 50;
const ecosystem = "Debian:12";

/** Numbers from 0 to 1, the same in every run (Numerical Recipes, "quick and dirty" generator). */
let seed = 1;
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

const nameOf = (source: number) => `source-${source}`;
const versionOf = (source: number, update: number) =>
  `${source % 7 === 0 ? "1:" : ""}${source % 9}.${(source * 7) % 30}.${update >> 2}-1+deb12u${(update & 3) + 1}`;

/** Sources by Zipf's law: the first has some thousand advisories. */
const sourceOf = () => Math.floor(SOURCES ** random()) - 1;

const advisories = Array.from({ length: ADVISORIES }, (_, i): Advisory => {
  const source = sourceOf();
  const id = `CVE-${2010 + (i % 16)}-${10_000 + i}`;
  const update = Math.floor(random() * UPDATES);
  return {
    id,
    cves: [id],
    ecosystem,
    package: nameOf(source),
    affected: [random() < 0.01 ? {} : { fixed: versionOf(source, update) }],
    verdict: random() < 0.05 ? "no-dsa" : "affected",
    severity: { level: "medium", source: "distribution" },
    published: "2024-01-01T00:00:00Z",
  };
});

function inventory(
  update: (system: number, source: number) => string,
  system: number,
): PackageInventory {
  const packages = Array.from({ length: PACKAGES }, (_, i): InstalledPackage => {
    // The same packages everywhere, as on machines of one release; few of the sources with most advisories.
    const source = (i * 13 + 7) % SOURCES;
    const version = update(system, source);
    return {
      type: "deb",
      name: `${nameOf(source)}-bin`,
      version,
      architecture: "amd64",
      source: { name: nameOf(source), version },
      purl: `pkg:deb/debian/${nameOf(source)}-bin@${version}`,
      from: "/var/lib/dpkg/status",
    };
  });
  return { os: { id: "debian", versionId: "12", idLike: [] }, packages };
}

const systems = Array.from({ length: SYSTEMS }, (_, i) => i);
const patchLevel = (system: number) => UPDATES - 1 - (system % PATCH_LEVELS);
const patched = systems.map((system) =>
  inventory((at, source) => versionOf(source, patchLevel(at)), system),
);
const unlike = systems.map((system) =>
  inventory((at, source) => `${versionOf(source, patchLevel(at))}~${at}`, system),
);

/** The fastest and the median of some runs in milliseconds, and what the last one gave. */
function measure<T>(work: () => T, runs = RUNS): { best: number; median: number; result: T } {
  const times: number[] = [];
  let result = work();
  for (let i = 0; i < runs; i += 1) {
    const started = performance.now();
    result = work();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return { best: times[0] ?? 0, median: times[runs >> 1] ?? 0, result };
}

/** Each package beside every advisory on its source, each compared. */
function joinByName(inventories: readonly PackageInventory[]): number {
  const byName = Map.groupBy(advisories, ({ package: name }) => name);
  let found = 0;
  for (const { packages } of inventories) {
    for (const { source, version } of packages) {
      for (const { affected } of byName.get(source?.name ?? "") ?? []) {
        const fixed = affected[0]?.fixed;
        if (fixed === undefined || debVersions.compare(version, fixed) < 0) found += 1;
      }
    }
  }
  return found;
}

/** A join in SQLite, by name and by a comparing function. */
function joinInSqlite(inventories: readonly PackageInventory[]): { ms: number; found: number } {
  using database = new DatabaseSync(":memory:");
  database.function("is_older", { deterministic: true }, (a, b) =>
    Number(debVersions.compare(String(a), String(b)) < 0),
  );
  database.exec(
    "CREATE TABLE advisory (name TEXT, id TEXT, fixed TEXT); CREATE INDEX by_name ON advisory (name);" +
      "CREATE TABLE installed (system INTEGER, name TEXT, version TEXT); BEGIN",
  );
  const add = database.prepare("INSERT INTO advisory VALUES (?, ?, ?)");
  for (const { package: name, id, affected } of advisories)
    add.run(name, id, affected[0]?.fixed ?? null);
  const install = database.prepare("INSERT INTO installed VALUES (?, ?, ?)");
  inventories.forEach(({ packages }, system) => {
    for (const { source, version } of packages) install.run(system, source?.name ?? "", version);
  });
  database.exec("COMMIT");
  const started = performance.now();
  const query = database.prepare(
    "SELECT system, id FROM installed JOIN advisory USING (name) WHERE fixed IS NULL OR is_older(version, fixed)",
  );
  let found = 0;
  for (const _ of query.iterate()) found += 1;
  return { ms: performance.now() - started, found };
}

const ms = (time: number) => `${time.toFixed(time < 10 ? 1 : 0)} ms`;
const rows: string[][] = [["what", "best", "median", "limit", "findings"]];
const row = (
  what: string,
  { best, median }: { best: number; median: number },
  limit: string,
  found: number,
) => rows.push([what, ms(best), ms(median), limit, found.toLocaleString("en")]);

const directory = await mkdtemp(join(tmpdir(), "casemate-bench-"));
try {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const name = "bench.test";
  let started = performance.now();
  const builder = new SnapshotBuilder();
  builder.addAdvisories("bench", advisories, 0);
  const signer = {
    verifier: { name },
    sign: (message: Uint8Array) => sign(null, message, privateKey),
  };
  const path = await writeSnapshot(directory, builder, signer, new Date());
  const building = performance.now() - started;
  globalThis.gc?.();
  started = performance.now();
  const { snapshot, manifest } = await readSnapshot(path, [{ name, keyObject: publicKey }]);
  const opening = performance.now() - started;

  const countOf = (inventories: readonly PackageInventory[]) =>
    matchInventories(inventories, snapshot).reduce((sum, { findings }) => sum + findings.length, 0);
  for (const [what, inventories, limit] of [
    [`${PATCH_LEVELS} patch levels`, patched, "2 s"],
    ["no version twice", unlike, "2 s"],
  ] as const) {
    const part = inventories.slice(0, PEERS_SYSTEMS);
    const expected = countOf(part);
    const ours = measure(() => countOf(inventories));
    row(`${what}: Casemate, ${SYSTEMS} systems`, ours, limit, ours.result);
    const plain = measure(() => joinByName(part), 1);
    assert.equal(plain.result, expected);
    row(`  join by name in JavaScript, ${PEERS_SYSTEMS} systems`, plain, "–", expected);
    const { ms: time, found } = joinInSqlite(part);
    assert.equal(found, expected);
    row(`  join in SQLite, ${PEERS_SYSTEMS} systems`, { best: time, median: time }, "–", expected);
  }
  rows.push(
    [`making a snapshot of ${ADVISORIES.toLocaleString("en")}`, ms(building), "", "–", ""],
    ["reading it: verified, expanded, indexed", ms(opening), "", "–", ""],
  );
  const { size } = await stat(path);
  rows.push([
    `its file ${(size / MiB).toFixed(1)} MiB, in memory ${(manifest.bytes / MiB).toFixed(1)} MiB`,
    "",
    "",
    "",
    "",
  ]);
} finally {
  await rm(directory, { recursive: true, force: true });
}
const widths =
  rows[0]?.map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0))) ?? [];
for (const cells of rows) {
  console.log(
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
