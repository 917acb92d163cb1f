import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseScan } from "./parse-scan.ts";

/** What a scanner says, of each kind of value something. */
const answer = {
  os: { id: "debian", idLike: [], versionId: "12", prettyName: "Debian GNU/Linux 12" },
  volumes: [
    { name: "disk 1", type: "ext4", uuid: "5ca5", size: 4096, mountedAt: ["/"], state: "read" },
    { name: "disk 2", type: "swap", mountedAt: [], state: "none" },
  ],
  found: {
    packages: [
      {
        ...{ type: "deb", name: "gzip", version: "1.12-1", architecture: "amd64" },
        ...{ source: { name: "gzip", version: "1.12-1" }, purl: "pkg:deb/debian/gzip@1.12-1" },
        from: "/var/lib/dpkg/status",
      },
    ],
    groups: [{ name: "root", gid: 0, members: ["alice"] }],
    secrets: [
      {
        ...{ kind: "private-key", rule: "openssh-private-key", severity: "high" },
        ...{ path: "/root/key", line: 1, fingerprint: "0123456789abcdef" },
        ...{ format: "openssh", protection: "none" },
      },
    ],
    malware: [
      {
        ...{ path: "/opt/x", rule: "r", namespace: "n", tags: [] },
        matches: [{ pattern: "$a", offsets: [7] }],
      },
    ],
    packageUses: [
      { package: "gzip", type: "deb", state: "not-loaded", programs: 3 },
      { package: "ssh", type: "deb", state: "unknown", reason: "Cannot." },
    ],
  },
  missed: [{ what: "/home", code: "disk/damaged", reason: "Cannot read a directory." }],
  coverage: {
    volumes: { read: 1, total: 1 },
    bytes: { read: 4096, total: 4096 },
    files: { read: 9, total: 10 },
  },
};

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

test("parseScan: takes what a scanner says as it is", () => {
  assert.deepEqual(parseScan(JSON.parse(JSON.stringify(answer))), answer);
  assert.deepEqual(parseScan({ done: true, found: [] }), { done: true });
});

test("parseScan: codes that no scanner has are not believed", () => {
  const missed = [{ what: "/", code: "auth/denied", reason: "no" }];
  const parsed = parseScan({ ...answer, missed });
  assert.ok("missed" in parsed);
  assert.equal(parsed.missed[0]?.code, "inspect/crashed");
  const failed = parseScan({ error: { code: "rules/malformed", message: "a.yar:1:1: no" } });
  assert.deepEqual(failed, { error: { code: "rules/malformed", message: "a.yar:1:1: no" } });
  const lied = parseScan({ error: { code: "request/awaiting-approval", message: "no" } });
  assert.deepEqual(lied, { error: { code: "inspect/crashed", message: "no" } });
});

test("parseScan: refuses what no scanner says", () => {
  const { found, coverage, volumes } = answer;
  const [package_] = found.packages;
  const bad: readonly unknown[] = [
    null,
    [],
    {},
    { error: {} },
    { ...answer, found: [] },
    { ...answer, found: { shadow: [] } },
    JSON.parse('{"volumes":[],"found":{"__proto__":[]},"missed":[]}'),
    { ...answer, found: { packages: {} } },
    { ...answer, found: { packages: [{ ...package_, type: "exe" }] } },
    { ...answer, found: { packages: [{ ...package_, name: 7 }] } },
    { ...answer, found: { packages: [{ ...package_, version: "1".repeat(70_000) }] } },
    { ...answer, found: { packages: new Array(250_001).fill(package_) } },
    { ...answer, found: { groups: [{ name: "root", gid: 0 }] } },
    { ...answer, found: { malware: [{ ...found.malware[0], matches: [{}] }] } },
    { ...answer, found: { packageUses: [{ package: "gzip", type: "deb", state: "mapped" }] } },
    { ...answer, volumes: [{ ...volumes[0], state: "fine" }] },
    { ...answer, volumes: [{ ...volumes[0], label: { toString: "x" } }] },
    { ...answer, missed: [{ what: "/" }] },
    { ...answer, coverage: { ...coverage, bytes: { read: -1, total: 1 } } },
    { ...answer, coverage: { ...coverage, bytes: { read: Number.POSITIVE_INFINITY, total: 1 } } },
  ];
  for (const value of bad) {
    assert.throws(
      () => parseScan(value),
      { code: "inspect/crashed" },
      JSON.stringify(value)?.slice(0, 200),
    );
  }
});

test("parseScan: whatever takes a value's place, it is taken or refused, and nothing else", () => {
  fc.assert(
    fc.property(fc.nat(), fc.jsonValue() as fc.Arbitrary<Json>, (at, instead) => {
      const value = replaceNode(answer, at % countNodes(answer), instead);
      try {
        parseScan(JSON.parse(JSON.stringify(value)));
      } catch (thrown) {
        assert.ok(
          thrown instanceof CasemateError && thrown.code === "inspect/crashed",
          String(thrown),
        );
      }
    }),
    { numRuns: 2_000 },
  );
});

function countNodes(value: Json): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, each) => sum + countNodes(each), 1);
}

/** The same value with `instead` in place of its node of that number, counted from the outermost inwards. */
function replaceNode(value: Json, number: number, instead: Json): Json {
  if (number === 0) return instead;
  if (typeof value !== "object" || value === null) return value;
  let left = number - 1;
  const entries = Object.entries(value).map(([key, each]): [string, Json] => {
    const count = countNodes(each);
    const replaced = left >= 0 && left < count ? replaceNode(each, left, instead) : each;
    left -= count;
    return [key, replaced];
  });
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}
