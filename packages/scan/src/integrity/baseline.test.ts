import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { milliseconds } from "@casemate/core";
import { runSections } from "../run-sections.ts";
import { ScanBudget } from "../scan-budget.ts";
import { makeScratch } from "../system.fixture.ts";
import { formatBaseline, parseBaseline } from "./baseline.ts";
import { baselineSection } from "./baseline-section.ts";
import { compareBaseline } from "./compare-baseline.ts";
import { lookAtTree } from "./integrity.fixture.ts";
import { parseGlob } from "./parse-glob.ts";

function take(tree: string, paths: readonly string[]) {
  const look = lookAtTree(tree);
  const budget = new ScanBudget(milliseconds(60_000));
  const { found } = runSections(look, { files: baselineSection(paths) }, { budget });
  return { files: found.files ?? [], missed: look.missed };
}

test("compareBaseline: what was added, removed and changed below the chosen paths, through its file", () => {
  using scratch = makeScratch();
  const at = (path: string) => scratch.path("tree", path);
  for (const directory of ["etc/ssh", "srv"]) mkdirSync(at(directory), { recursive: true });
  for (const name of ["etc/a.conf", "etc/b.conf", "etc/ssh/key", "srv/other"])
    writeFileSync(at(name), name);
  const paths = ["/etc/ssh", "/etc/*.conf"];
  const { files } = take(at(""), paths);
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    "/etc/a.conf",
    "/etc/b.conf",
    "/etc/ssh",
    "/etc/ssh/key",
  ]);
  const baseline = parseBaseline(formatBaseline({ paths, files }), "file");
  const same = take(at(""), baseline.paths);
  assert.deepEqual(compareBaseline(baseline, same.files, same.missed), []);
  appendFileSync(at("etc/a.conf"), "more");
  rmSync(at("etc/b.conf"));
  chmodSync(at("etc/ssh/key"), 0o600);
  writeFileSync(at("etc/ssh/new"), "");
  writeFileSync(at("srv/new"), "");
  const now = take(at(""), baseline.paths);
  const changes = compareBaseline(baseline, now.files, now.missed);
  assert.deepEqual(
    changes.map((each) => [
      each.change,
      each.change === "removed" ? each.before.path : each.after.path,
      "differs" in each ? each.differs : [],
    ]),
    [
      ["changed", "/etc/a.conf", ["size", "sha256"]],
      ["removed", "/etc/b.conf", []],
      ["changed", "/etc/ssh/key", ["mode"]],
      ["added", "/etc/ssh/new", []],
    ],
  );
  const unread = [{ what: "/etc", code: "disk/damaged", reason: "" }] as const;
  assert.ok(compareBaseline(baseline, [], unread).length === 0);
});

test("parseBaseline: what is none is said", () => {
  for (const text of [
    "",
    "{",
    "[]",
    '{"kind":"Other"}',
    '{"apiVersion":"casemate/v1","kind":"Baseline"}',
  ]) {
    assert.throws(() => parseBaseline(text, "file"), { code: "baseline/malformed" });
  }
  const broken = formatBaseline({ paths: ["/"], files: [] }).replace("[\n", '[{"path":1}\n');
  assert.throws(() => parseBaseline(broken, "file"), { code: "baseline/malformed" });
});

test("parseGlob: stars within and over directories, classes, and patterns made to take long", () => {
  const fits = (glob: string, path: string) => parseGlob(glob)(path);
  assert.ok(fits("/etc/*.conf", "/etc/a.conf") && !fits("/etc/*.conf", "/etc/x/a.conf"));
  assert.ok(fits("/etc/**/*.conf", "/etc/a.conf") && fits("/etc/**/*.conf", "/etc/x/y/a.conf"));
  assert.ok(fits("/[!a-c]?/\\*", "/dx/*") && !fits("/[!a-c]?/\\*", "/ax/*"));
  assert.ok(parseGlob("/usr/*/doc", { slashes: true })("/usr/a/b/doc"));
  assert.ok(!fits(`${"*a".repeat(200)}b`, "a".repeat(4000)));
});
