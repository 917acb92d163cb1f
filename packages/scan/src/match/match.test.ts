import assert from "node:assert/strict";
import { test } from "node:test";
import { debianTracker, osvRecords } from "../advisories/feeds.fixture.ts";
import { parseDebianTracker } from "../advisories/parse-debian-tracker.ts";
import { parseOsv } from "../advisories/parse-osv.ts";
import { AdvisorySnapshot } from "../advisories/snapshot/advisory-snapshot.ts";
import { SnapshotBuilder } from "../advisories/snapshot/snapshot-builder.ts";
import type { InstalledPackage } from "../packages/installed-package.ts";
import { type OsRelease, parseOsRelease } from "../system/os-release.ts";
import { findFirstExposures } from "./find-first-exposures.ts";
import { matchInventories } from "./match-inventories.ts";

const builder = new SnapshotBuilder();
for (const record of osvRecords) builder.addAdvisories("osv", parseOsv(record).advisories, 0);
for (const [source, issues] of Object.entries(debianTracker)) {
  builder.addAdvisories("debian", parseDebianTracker(source, issues).advisories, 0);
}
const snapshot = new AdvisorySnapshot(builder.finish());

function system(text: string): OsRelease {
  const os = parseOsRelease(text);
  assert.ok(os !== undefined);
  return os;
}
const bookworm = system("ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n");

type Extra = Partial<Pick<InstalledPackage, "source" | "architecture" | "from" | "partOf">>;
const installed = (
  type: InstalledPackage["type"],
  name: string,
  version: string,
  extra: Extra = {},
): InstalledPackage => ({
  type,
  name,
  version,
  purl: `pkg:${type}/${name}@${version}`,
  from: "/x",
  ...extra,
});

/** What is found, as `CVE package fixed verdict level`. */
function findings(packages: readonly InstalledPackage[], os?: OsRelease): readonly string[] {
  const [match] = matchInventories([{ ...(os === undefined ? {} : { os }), packages }], snapshot);
  return (match?.findings ?? []).map(
    ({ vulnerability, package: name, fixed, verdict, severity }) =>
      `${vulnerability} ${name} ${fixed} ${verdict} ${severity?.level}`,
  );
}

const open = (name: string) => [
  `CVE-2024-10010 ${name} null affected low`,
  `CVE-2024-10011 ${name} null no-dsa low`,
  `CVE-2024-10012 ${name} null ignored undefined`,
  `CVE-2024-10013 ${name} null undetermined undefined`,
  `CVE-2024-10014 ${name} null ignored negligible`,
];

test("matchInventories: Debian counts by source packages; its not-affected overrules, no fix is said", () => {
  const source = { name: "tlslib", version: "1:3.0.11-1~deb12u1" };
  // CVE-2024-10005 is in the DSA, and Debian's tracker says that bookworm never had it.
  assert.deepEqual(
    findings([installed("deb", "libtls3", "1:3.0.11-1~deb12u1", { source })], bookworm),
    ["CVE-2024-10004 libtls3 1:3.0.11-1~deb12u2 affected high", ...open("libtls3")],
  );
  // Another package of that name is not the source.
  const foreign = { source: { name: "unrelated", version: "1" } };
  assert.deepEqual(
    findings([installed("deb", "tlslib", "1:3.0.11-1~deb12u1", foreign)], bookworm),
    [],
  );
});

test("matchInventories: rebuilds without a change of source, and epochs, count as the source's", () => {
  const fixed = open("tlslib");
  assert.deepEqual(
    findings([installed("deb", "tlslib", "1:3.0.11-1~deb12u2+b1")], bookworm),
    fixed,
  );
  const rebuilt = installed("deb", "tlslib", "9:1+b7", {
    source: { name: "tlslib", version: "1:3.0.11-1~deb12u2" },
  });
  assert.deepEqual(findings([rebuilt], bookworm), fixed);
  // Newer by every digit, older by its epoch.
  assert.equal(
    findings([installed("deb", "tlslib", "9.9.9-1")], bookworm).length,
    1 + fixed.length,
  );
});

test("matchInventories: each ecosystem by its own names and versions", () => {
  const alpine = system("ID=alpine\nVERSION_ID=3.20.3\n");
  const origin = { source: { name: "boxbin", version: "1.36.1-r28" } };
  assert.deepEqual(findings([installed("apk", "boxbin-sh", "1.36.1-r28", origin)], alpine), [
    "CVE-2024-10006 boxbin-sh 1.36.1-r29 affected undefined",
  ]);
  const rocky = system('ID="rocky"\nVERSION_ID="9.4"\n');
  const names = ["tlslib-libs", "tlslib"];
  const rpms = names.map((name) => installed("rpm", name, "1:3.0.7-24.el9"));
  assert.deepEqual(findings(rpms, rocky), [
    "CVE-2024-10007 tlslib-libs 1:3.0.7-25.el9_3 affected undefined",
  ]);
  assert.deepEqual(
    findings([
      installed("npm", "left-lib", "2.0.0"),
      installed("npm", "left-lib", "1.4.2"),
      installed("pypi", "Right.lib", "3.2"),
      installed("golang", "stdlib", "go1.22rc2"),
      installed("golang", "stdlib", "1.21.8"),
    ]),
    [
      "CVE-2024-10001 left-lib 2.1.0 affected critical",
      "CVE-2024-10002 Right.lib 3.2.1 affected medium",
      "CVE-2024-10003 stdlib 1.22.1 affected undefined",
    ],
  );
});

test("matchInventories: one vulnerability by many names is one finding", () => {
  const [match] = matchInventories(
    [{ packages: [installed("pypi", "right-lib", "3.1")] }],
    snapshot,
  );
  assert.deepEqual(match?.findings[0], {
    vulnerability: "CVE-2024-10002",
    advisories: ["GHSA-dddd-eeee-ffff", "PYSEC-2024-1"],
    severity: { level: "medium", source: "database" },
    fixed: "3.2.1",
    verdict: "affected",
    reason: null,
    published: "2024-03-28T00:00:00.000Z",
    type: "pypi",
    package: "right-lib",
    installed: "3.1",
    architecture: null,
    source: null,
    purl: "pkg:pypi/right-lib@3.1",
    from: "/x",
  });
});

test("matchInventories: what a distribution brought along is its advisories' to tell, where it has any", () => {
  const partOf = "deb/python3-right";
  const packages = [
    installed("pypi", "right-lib", "3.1", { partOf }),
    installed("cargo", "some", "1.0.0", { partOf }),
  ];
  const [match] = matchInventories([{ os: bookworm, packages }], snapshot);
  assert.deepEqual([match?.findings, match?.uncovered], [[], []]);
  const found = ["CVE-2024-10002 right-lib 3.2.1 affected medium"];
  assert.deepEqual(findings(packages), found);
  assert.deepEqual(findings(packages, system("ID=debian\nVERSION_ID=9\n")), found);
  // No distribution has files there: the package is somebody else's.
  for (const from of ["/opt/tool/METADATA", "/usr/local/lib/METADATA"]) {
    assert.deepEqual(
      findings([installed("pypi", "right-lib", "3.1", { partOf, from })], bookworm),
      found,
    );
  }
});

test("matchInventories: what nothing can be said of is said", () => {
  const packages = [
    installed("deb", "tlslib", "1"),
    installed("npm", "left-lib", "not a version"),
    installed("npm", "left-lib", "1".repeat(100_000)),
    installed("cargo", "some", "1.0.0"),
  ];
  const uncovered = (os?: OsRelease) =>
    matchInventories([{ ...(os === undefined ? {} : { os }), packages }], snapshot)[0]?.uncovered;
  const languages = [
    { ecosystem: "npm", reason: "no-version", packages: 2 },
    { ecosystem: "crates.io", reason: "no-advisories", packages: 1 },
  ];
  assert.deepEqual(uncovered(system("ID=kali\nID_LIKE=debian\n")), [
    { ecosystem: null, reason: "no-ecosystem", packages: 1 },
    ...languages,
  ]);
  assert.deepEqual(uncovered(system("ID=debian\nVERSION_ID=9\n")), [
    { ecosystem: "Debian:9", reason: "no-advisories", packages: 1 },
    ...languages,
  ]);
  assert.deepEqual(uncovered(bookworm), languages);
});

test("findFirstExposures: since when, over states of the past", () => {
  const state = (name: string, takenAt: string, version: string) => ({
    state: name,
    takenAt,
    packages: [installed("npm", "left-lib", version)],
  });
  const exposures = findFirstExposures(
    [
      state("now", "2024-07-01T00:00:00Z", "2.1.0"),
      state("third", "2024-05-01T00:00:00Z", "2.0.1"),
      state("first", "2023-01-01T00:00:00Z", "1.5.0"),
      state("second", "2024-01-01T00:00:00Z", "2.0.0"),
    ],
    snapshot,
  );
  assert.deepEqual(
    exposures.map(({ latest, ...exposure }) => ({ ...exposure, installed: latest.installed })),
    [
      {
        vulnerability: "CVE-2024-10001",
        package: "left-lib",
        firstState: "second",
        firstExposedOn: "2024-01-01T00:00:00Z",
        published: "2024-03-01T10:00:00.000Z",
        knownExposureSince: "2024-03-01T10:00:00.000Z",
        latestState: "third",
        installed: "2.0.1",
      },
    ],
  );
});
