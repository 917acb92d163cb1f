import assert from "node:assert/strict";
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { makeScratch, run, scanFiles } from "../../system.fixture.ts";
import type { InstalledPackage } from "../installed-package.ts";
import { makeNdbDatabase } from "./ndb.fixture.ts";
import { rpm } from "./rpm.ts";

const FEDORA = "ID=fedora\nVERSION_ID=40\n";
const scratch = makeScratch();
const sqlite = scratch.path("sqlite");

before(() => {
  const spec = scratch.path("made.spec");
  writeFileSync(spec, makeSpec(120));
  run("rpmbuild", "-bb", "--define", `_topdir ${scratch.path("build")}`, spec);
  const directory = scratch.path("build", "RPMS", "noarch");
  const files = readdirSync(directory).map((name) => `${directory}/${name}`);
  run("rpm", "--dbpath", sqlite, "--initdb");
  run("rpm", "--dbpath", sqlite, "-i", "--justdb", "--nodeps", ...files);
  // Pages that are used again.
  run("rpm", "--dbpath", sqlite, "-e", "--justdb", "--nodeps", "made-7", "made-8", "made-9");
});
after(() => scratch[Symbol.dispose]());

/** A source package of `count` packages, each with files enough that its header needs overflow pages. */
function makeSpec(count: number): string {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const parts = numbers.map(
    (i) => `%package -n made-${i}
Summary: number ${i}
${i % 3 === 0 ? `Epoch: ${i}` : ""}
Version: 1.${i}~rc1
%description -n made-${i}
${"words ".repeat(i * 20)}
%files -n made-${i}
`,
  );
  return `Name: made
Version: 1
Release: 2.fc40
Summary: made
License: none
BuildArch: noarch
%description
made
${parts.join("")}`;
}

/** What rpm itself says, in the form of the rows. */
function askRpm(): readonly string[] {
  const format = "%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n";
  return run("rpm", "--dbpath", sqlite, "-qa", "--qf", format)
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

function inForm(rows: readonly InstalledPackage[]): readonly string[] {
  const lines = rows.map(({ name, version, architecture, source }) => {
    const plain = source?.version.replace(/^\d+:/, "");
    return `${name}\t${version}\t${architecture}\t${source?.name}-${plain}.src.rpm`;
  });
  return lines.sort();
}

test("rpm: the packages of a database in SQLite, as rpm has them", () => {
  const { rows, missed } = scanFiles(
    { collector: rpm },
    { "/etc/os-release": FEDORA, "/usr/lib/sysimage/rpm": { copy: sqlite } },
    { sizeMiB: 64 },
  );
  assert.deepEqual(missed, []);
  assert.equal(rows.length, 117);
  assert.deepEqual(inForm(rows), askRpm());
  assert.equal(
    rows.find(({ name }) => name === "made-3")?.purl,
    "pkg:rpm/fedora/made-3@1.3~rc1-2.fc40?arch=noarch&distro=fedora-40&epoch=3",
  );
});

test("rpm: the packages of a database in ndb", () => {
  using database = new DatabaseSync(`${sqlite}/rpmdb.sqlite`, { readOnly: true });
  const blobs = database
    .prepare("SELECT blob FROM Packages")
    .all()
    .map(({ blob }) => Buffer.from(blob instanceof Uint8Array ? blob : []));
  const { rows, missed } = scanFiles(
    { collector: rpm },
    { "/etc/os-release": FEDORA, "/var/lib/rpm/Packages.db": makeNdbDatabase(blobs) },
    { sizeMiB: 64 },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(inForm(rows), askRpm());
});

test("rpm: what is in SQLite's write-ahead log only, up to what was committed", () => {
  const live = scratch.path("live.sqlite");
  copyFileSync(scratch.path("sqlite", "rpmdb.sqlite"), live);
  using database = new DatabaseSync(live, { enableForeignKeyConstraints: false });
  database.exec("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=8;");
  database.exec("DELETE FROM Packages WHERE hnum > 60");
  database.exec("BEGIN; DELETE FROM Packages WHERE hnum < 60;");
  const { rows, missed } = scanFiles(
    { collector: rpm },
    {
      "/var/lib/rpm/rpmdb.sqlite": { copy: live },
      "/var/lib/rpm/rpmdb.sqlite-wal": { copy: `${live}-wal` },
    },
    { sizeMiB: 64 },
  );
  const [seen] = database.prepare("SELECT count(*) AS count FROM Packages").all();
  database.exec("ROLLBACK");
  assert.deepEqual(missed, []);
  assert.notDeepEqual({ ...seen }, { count: rows.length });
  const [committed] = database.prepare("SELECT count(*) AS count FROM Packages").all();
  assert.deepEqual({ ...committed }, { count: rows.length });
});

test("rpm: a database in another format is missed, not none", () => {
  const { rows, missed } = scanFiles({ collector: rpm }, { "/var/lib/rpm/Packages": "\0" });
  assert.deepEqual(rows, []);
  assert.deepEqual(
    missed.map(({ code }) => code),
    ["scan/unsupported"],
  );
});
