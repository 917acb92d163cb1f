import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { debianTracker, osvRecords, readAll, writeOsvZip } from "./feeds.fixture.ts";
import { parseOsv } from "./parse-osv.ts";
import { scoreCvss } from "./score-cvss.ts";
import { walkJsonMembers } from "./walk-json-members.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-feeds-"));
});
after(() => rm(directory, { recursive: true, force: true }));

const isFeedError = (thrown: unknown) => /^feed\//.test(String(Object(thrown).code));

test("readFeed: an OSV archive, directory, array and record say the same", async () => {
  const zip = writeOsvZip(directory, osvRecords);
  const array = join(directory, "array.json");
  await writeFile(array, JSON.stringify(osvRecords));
  const read = async (path: string) => {
    const { advisories, skipped } = await readAll("osv", path);
    return { skipped, advisories: advisories.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
  };
  const fromZip = await read(zip);
  assert.equal(fromZip.advisories.length, 7);
  assert.deepEqual(fromZip, await read(join(directory, "records")));
  assert.deepEqual(fromZip, await read(array));
  assert.equal(fromZip.skipped, 0);
  assert.deepEqual(
    (await readAll("osv", join(directory, "records/GO-2024-0001.json"))).advisories,
    [
      {
        id: "GO-2024-0001",
        cves: ["CVE-2024-10003"],
        ecosystem: "Go",
        package: "stdlib",
        affected: [{ fixed: "1.21.8" }, { introduced: "1.22.0-0", fixed: "1.22.1" }],
        verdict: "affected",
      },
    ],
  );
});

test("parseOsv: ranges, lists of versions beyond them, severity with who says so", () => {
  const [left] = parseOsv(osvRecords[0]).advisories;
  assert.deepEqual(left, {
    id: "GHSA-aaaa-bbbb-cccc",
    cves: ["CVE-2024-10001"],
    ecosystem: "npm",
    package: "left-lib",
    affected: [{ fixed: "1.4.2" }, { introduced: "2.0.0-rc.1", fixed: "2.1.0" }],
    verdict: "affected",
    severity: {
      level: "critical",
      score: 9.8,
      vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
      source: "cvss",
    },
    published: "2024-03-01T10:00:00Z",
    modified: "2024-03-02T10:00:00Z",
  });
  const [right] = parseOsv(osvRecords[1]).advisories;
  assert.equal(right?.package, "right-lib");
  assert.deepEqual(right?.affected, [
    { introduced: "3.0", lastAffected: "3.2" },
    { introduced: "1.0b2", lastAffected: "1.0b2" },
  ]);
  assert.deepEqual(parseOsv(osvRecords[2]).advisories[0]?.severity, {
    level: "medium",
    source: "database",
  });
  assert.deepEqual(
    parseOsv({ id: "X", affected: [{ package: { ecosystem: "npm", name: "x" } }] }),
    {
      advisories: [],
      skipped: 1,
    },
  );
});

test("readFeed: every state that Debian's tracker knows", async () => {
  const path = join(directory, "tracker.json");
  await writeFile(path, JSON.stringify(debianTracker, null, 1));
  const { advisories, skipped } = await readAll("debian-tracker", path);
  assert.equal(skipped, 1);
  const said = advisories.map(({ id, ecosystem, verdict, reason, affected, severity }) =>
    [id.slice(-2), ecosystem, verdict, reason, affected[0]?.fixed, severity?.level].join(" "),
  );
  assert.deepEqual(said, [
    "04 Debian:12 affected  1:3.0.11-1~deb12u2 high",
    "04 Debian:13 not-affected   ",
    "05 Debian:12 not-affected   medium",
    "10 Debian:12 affected   low",
    "11 Debian:12 no-dsa Minor issue  low",
    "12 Debian:12 ignored Too intrusive  ",
    "13 Debian:12 undetermined   ",
    "14 Debian:12 ignored unimportant  negligible",
    "EF Debian:sid affected   ",
  ]);
  assert.equal(advisories.at(-1)?.package, 'other \\" {name');
});

test("walkJsonMembers: gives what JSON.parse gives, of any document", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(0, 1, "\t"),
      (value, space) => {
        const bytes = Buffer.from(JSON.stringify(value, null, space));
        const members = [...walkJsonMembers(bytes, "it")];
        assert.deepEqual(members, Object.entries(JSON.parse(bytes.toString())));
      },
    ),
  );
});

test("walkJsonMembers, parseOsv, readFeed: damaged and hostile documents end in an error of the feed", async () => {
  const bytes = Buffer.from(JSON.stringify(debianTracker));
  const isMalformed = { code: "feed/malformed" };
  for (const text of [
    "",
    "[]",
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":]}',
    "{".repeat(1e5),
    '{"a":1 2}',
  ]) {
    assert.throws(
      () => [...walkJsonMembers(Buffer.from(text), "it")],
      isMalformed,
      text.slice(0, 9),
    );
  }
  for (let length = 0; length < bytes.length; length += 7) {
    assert.throws(() => [...walkJsonMembers(bytes.subarray(0, length), "it")], isMalformed);
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => void parseOsv(value)));
  const hostile = JSON.parse(
    '{"id":"X","affected":[{"package":{"ecosystem":"__proto__","name":"constructor"}}]}',
  );
  assert.deepEqual(parseOsv(hostile).advisories, []);
  const zip = await readFile(writeOsvZip(directory, osvRecords));
  const path = join(directory, "mutant.zip");
  for (let i = 0; i < 200; i += 1) {
    const mutant = Buffer.from(zip);
    // From the end, where the directory is, and then everywhere.
    const at = i < 100 ? mutant.length - 1 - i : Math.floor((i - 100) * (mutant.length / 100));
    mutant[at] = (mutant[at] ?? 0) ^ (i % 3 === 0 ? 0xff : 0x11);
    await writeFile(path, i % 5 === 0 ? mutant.subarray(0, at) : mutant);
    await readAll("osv", path).catch((thrown: unknown) =>
      assert.ok(isFeedError(thrown), String(thrown)),
    );
  }
});

test("readFeed: an archive of more files than 16 bits count (zip64), and one that expands without end", async () => {
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/many.zip", "w") as many:
    many.writestr("X.txt", "")
    many.filelist.extend(many.filelist * 65535)
    many.writestr("X.json", '{"id":"X","affected":[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"]}]}')
with zipfile.ZipFile(sys.argv[1] + "/bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
    bomb.writestr("X.json", b" " * (40 << 20))
`;
  assert.equal(spawnSync("/usr/bin/python3", ["-c", script, directory]).status, 0);
  const { advisories } = await readAll("osv", join(directory, "many.zip"));
  assert.deepEqual(
    advisories.map(({ id }) => id),
    ["X"],
  );
  const bomb = join(directory, "bomb.zip");
  await assert.rejects(readAll("osv", bomb), { code: "feed/too-large" });
});

test("scoreCvss: scores as FIRST's examples and calculators do", () => {
  const scores: readonly (readonly [string, number | undefined])[] = [
    ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8],
    ["CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4],
    ["CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1],
    ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10],
    ["CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8],
    ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0],
    ["AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8],
    ["AV:N/AC:L/Au:N/C:C/I:C/A:C", 10],
    ["CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", undefined],
    ["CVSS:3.1/AV:N", undefined],
    ["", undefined],
  ];
  for (const [vector, score] of scores) assert.equal(scoreCvss(vector), score, vector);
});
