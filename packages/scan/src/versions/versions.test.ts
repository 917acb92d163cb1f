import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { compare, valid } from "semver";
import { apkVersions } from "./apk-versions.ts";
import { debVersions } from "./deb-versions.ts";
import { goVersions } from "./go-versions.ts";
import { assertAgrees, numbersOf, run, samplePairs } from "./oracle.fixture.ts";
import { pep440Versions } from "./pep440-versions.ts";
import { rpmVersions } from "./rpm-versions.ts";
import { semverVersions } from "./semver-versions.ts";
import { versionSchemes } from "./version-scheme.ts";

const pieces = (...words: string[]) =>
  fc
    .array(fc.constantFrom(...words), { minLength: 1, maxLength: 8 })
    .map((parts) => parts.join(""));

const debian = pieces(
  ..."0 00 1 2 9 10 007 99999999999999999999 1: 0: 2: . - + ~ ~~ : a b Z rc ~rc1 +b1 +deb12u1 ~bpo12+1 dfsg".split(
    " ",
  ),
);

test("debVersions: orders as dpkg does", () => {
  const pairs = samplePairs(debVersions, debian, 120);
  const dpkg = (a: string, relation: string, b: string) =>
    spawnSync("dpkg", ["--compare-versions", a, relation, b], { stdio: "ignore" }).status === 0;
  const said = pairs.map(([a, b]) => (dpkg(a, "lt", b) ? -1 : dpkg(a, "eq", b) ? 0 : 1));
  assertAgrees(debVersions, pairs, said);
});

test("debVersions: orders thousands of pairs as dpkg's Perl library does", () => {
  // It counts in floating point, dpkg itself does not.
  const pairs = samplePairs(debVersions, debian, 6000).filter((pair) => !/\d{15}/.test(`${pair}`));
  const script =
    "use Dpkg::Version; while (<STDIN>) { my ($a, $b) = map { Dpkg::Version->new($_) } split; print $a <=> $b, qq(\n) }";
  const lines = pairs.map((pair) => `${pair.join(" ")}\n`).join("");
  assertAgrees(debVersions, pairs, numbersOf(run("perl", ["-e", script], lines)));
});

test("rpmVersions: orders as rpm does", () => {
  const version = pieces(
    ..."0 00 1 2 10 007 99999999999999999999 1: 0: . - + _ ~ ~~ ^ ^^ a b Z rc ~rc1 ^git1 .el9 el9_2 fc40".split(
      " ",
    ),
  );
  const pairs = samplePairs(rpmVersions, version, 4000);
  const calls = pairs.map(([a, b]) => `rpm.vercmp("${a}","${b}")`);
  const said: number[] = [];
  // Linux, include/uapi/linux/binfmts.h, MAX_ARG_STRLEN: an argument has 128 KiB at most.
  for (let i = 0; i < calls.length; i += 200) {
    const list = calls.slice(i, i + 200).join(",");
    said.push(...numbersOf(run("rpm", ["--eval", `%{lua: print(table.concat({${list}}, " "))}`])));
  }
  assertAgrees(rpmVersions, pairs, said);
});

test("pep440Versions: takes and orders what Python's packaging does", () => {
  const version = pieces(
    ..."0 00 1 2 10 1! 0! . .0 .1 - _ a b1 rc alpha2 .beta pre c3 preview .post .post1 -1 rev r4 .dev .dev3 dev +local +ubuntu.1 +1 v V".split(
      " ",
    ),
  );
  const texts = fc.sample(version, { numRuns: 4000, seed: 1 });
  const script = `
import sys
from packaging.version import Version, InvalidVersion
def parse(text):
    try: return Version(text)
    except InvalidVersion: return None
for line in sys.stdin:
    a, b = map(parse, line.rstrip("\\n").split(" "))
    print("x" if a is None else "v", (a > b) - (a < b) if a is not None and b is not None else 0)
`;
  // The system's own Python is the one that Debian's package is for.
  const ask = (lines: string) => run("/usr/bin/python3", ["-c", script], lines).trim().split("\n");
  const verdicts = ask(texts.map((text) => `${text} 1\n`).join(""));
  texts.forEach((text, i) => {
    assert.equal(pep440Versions.isVersion(text), verdicts[i]?.startsWith("v"), text);
  });
  const pairs = samplePairs(pep440Versions, version, 4000);
  const said = ask(pairs.map((pair) => `${pair.join(" ")}\n`).join(""));
  assertAgrees(
    pep440Versions,
    pairs,
    said.map((line) => Number(line.slice(2))),
  );
});

test("semverVersions: takes and orders what npm's own library does", () => {
  const version = pieces(
    ..."0 1 2 10 01 1.0.0 1.2.3 2.0.0 . - + -alpha -alpha.1 -1 .beta .11 rc x v".split(" "),
  );
  for (const text of fc.sample(version, { numRuns: 4000, seed: 2 })) {
    assert.equal(semverVersions.isVersion(text), valid(text) !== null, text);
  }
  const full = fc
    .tuple(pieces("1.0.0", "1.2.3", "0.0.10"), fc.option(version, { nil: "" }))
    .map((parts) => parts.join(""));
  const pairs = samplePairs(semverVersions, full, 3000);
  assertAgrees(
    semverVersions,
    pairs,
    pairs.map(([a, b]) => compare(a, b)),
  );
});

/** Each older than the next. */
function assertAscends(scheme: typeof apkVersions, versions: readonly string[]): void {
  versions.forEach((a, i) => {
    assert.ok(scheme.isVersion(a), a);
    versions.forEach((b, j) => {
      assert.equal(Math.sign(scheme.compare(a, b)), Math.sign(i - j), `${a} and ${b}`);
    });
  });
}

// There is no apk for Debian: what apk-package(5) and apk-tools' src/version.c say, case by case.
test("apkVersions: orders numbers, letters, suffixes and revisions as apk does", () => {
  assertAscends(apkVersions, [
    "0.9",
    "1_alpha",
    "1_alpha2",
    "1_beta",
    "1_pre1",
    "1_rc9",
    "1_rc10",
    "1",
    "1-r1",
  ]);
  assertAscends(apkVersions, [
    "1-r9",
    "1-r10",
    "1_cvs",
    "1_svn",
    "1_git20240101",
    "1_hg",
    "1_p",
    "1_p1",
    "1_p1-r1",
  ]);
  assertAscends(apkVersions, [
    "1_p1_rc1",
    "1_p1",
    "1a_rc1",
    "1a",
    "1b",
    "1.0",
    "1.0.9",
    "1.01",
    "1.1",
    "1.9",
    "1.10",
    "2",
  ]);
  assertAscends(apkVersions, [
    "1.2.3",
    "1.2.3-r0",
    "1.2.3~0a",
    "1.2.3~1f-r0",
    "1.2.3~1f-r1",
    "1.2.3_p1",
  ]);
  assert.equal(apkVersions.compare("01", "1"), 0);
  for (const text of [
    "",
    "a",
    "1.",
    "1-1",
    "1-r",
    "1_gamma",
    "1A",
    "1.2ab",
    "1-r1_p1",
    "1~xyz",
    "1 ",
  ]) {
    assert.equal(apkVersions.isVersion(text), false, text);
  }
});

test("goVersions: orders modules' versions and Go's own", () => {
  assertAscends(goVersions, [
    "v0.0.0-20190101000000-abcdefabcdef",
    "0.0.0-20240101000000-abcdefabcdef",
    "v1.2.3-pre.0.20240101000000-abcdefabcdef",
    "v1.2.3",
    "v1.2.4-0.20240101000000-abcdefabcdef",
    "1.2.4",
    "v2.0.0+incompatible",
  ]);
  assertAscends(goVersions, [
    "go1.9",
    "go1.21beta1",
    "go1.21rc2",
    "1.21.0-rc.3",
    "go1.21",
    "go1.21.1",
    "1.22",
  ]);
  assert.equal(goVersions.compare("go1.21", "1.21.0"), 0);
  assert.equal(goVersions.compare("v1.2.3+incompatible", "1.2.3"), 0);
  for (const text of ["(devel)", "", "v", "go", "unknown"]) {
    assert.equal(goVersions.isVersion(text), false, text);
  }
});

test("versionSchemes: hostile versions are refused or ordered, at once", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom(
      "1".repeat(200_000),
      "1.".repeat(100_000),
      "-".repeat(200_000),
      "1_p".repeat(60_000),
    ),
    fc.constantFrom(
      "1".repeat(256),
      "1.0-".padEnd(256, "a1"),
      "1.2.3-".padEnd(256, "-0"),
      "٣.١",
      "1\0",
      "1\n",
    ),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(versionSchemes)),
      hostile,
      hostile,
      (scheme, a, b) => {
        assert.equal(Math.sign(scheme.compare(a, b)), 0 - Math.sign(scheme.compare(b, a)));
        assert.ok(a.length <= 256 || !scheme.isVersion(a));
      },
    ),
  );
});
