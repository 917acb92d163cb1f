import assert from "node:assert/strict";
import { cpSync, globSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { type MadeFile, makeScratch, run, scanFiles } from "../../system.fixture.ts";
import { pythonPackages } from "./python-packages.ts";

/** Names and versions as Python's own library finds them below a directory. */
const ORACLE = `
import sys
from importlib.metadata import distributions
from packaging.utils import canonicalize_name
for found in distributions(path=sys.argv[1:]):
    print(canonicalize_name(found.metadata["Name"]), found.version)
`;
const PYTHON = "/usr/bin/python3";
const SITE = "/usr/lib/python3.11/site-packages";

const metadata = (name: string, version: string, more = "") =>
  `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${more}`;

const MADE: Readonly<Record<string, string>> = {
  "Some_Thing.more-2.0.0.post1.dist-info/METADATA": metadata(
    "Some_Thing.-.more",
    "2.0.0.post1",
    "Summary: of\n two lines\nRequires-Dist: other\n\n# Title\nName: none\nVersion: 9\n",
  ),
  "windows-1!3.0.dist-info/METADATA": metadata("windows", "1!3.0").replaceAll("\n", "\r\n"),
  "late-1.dist-info/METADATA": "Metadata-Version: 2.1\nsummary: first\nname:late\nVERSION:  1 \n",
  "old-0.1.egg-info": metadata("old", "0.1"),
  "develop.egg-info/PKG-INFO": metadata("develop", "0.0.0.dev1+g12ab"),
  "egg-4.2-py3.egg/EGG-INFO/PKG-INFO": metadata("egg", "4.2"),
};

test("pythonPackages: as importlib.metadata finds them, and those of this machine", () => {
  using scratch = makeScratch();
  for (const path of globSync("/usr/lib/python3/dist-packages/*.{dist,egg}-info")) {
    cpSync(path, scratch.path("machine", basename(path)), { recursive: true });
  }
  const files = Object.entries(MADE).map(([path, text]) => [`${SITE}/${path}`, text] as const);
  const { rows, missed } = scanFiles(
    { visitor: pythonPackages },
    {
      ...Object.fromEntries<MadeFile>(files),
      "/srv/machine": { copy: scratch.path("machine") },
      "/srv/METADATA": metadata("none", "1"),
      [`${SITE}/linked.egg-info`]: { link: "old-0.1.egg-info" },
    },
  );
  assert.deepEqual(missed, []);
  const found = (directory: string) =>
    rows
      .filter(({ from }) => from.startsWith(directory))
      .map(({ name, version }) => `${name} ${version}`)
      .sort();
  const said = (...directories: readonly string[]) =>
    run(PYTHON, "-c", ORACLE, ...directories)
      .split("\n")
      .filter((line) => line !== "")
      .sort();
  assert.ok(found("/srv/").length > 0);
  assert.deepEqual(found("/srv/"), said(scratch.path("machine")));
  assert.deepEqual(found(SITE), [
    "develop 0.0.0.dev1+g12ab",
    "egg 4.2",
    "late 1",
    "old 0.1",
    "some-thing-more 2.0.0.post1",
    "windows 1!3.0",
  ]);
  assert.deepEqual(
    rows.find(({ name }) => name === "develop"),
    {
      type: "pypi",
      name: "develop",
      version: "0.0.0.dev1+g12ab",
      purl: "pkg:pypi/develop@0.0.0.dev1%2Bg12ab",
      from: `${SITE}/develop.egg-info/PKG-INFO`,
    },
  );
});

test("pythonPackages: metadata without name or version, and with others, is missed", () => {
  const { rows, missed } = scanFiles(
    { visitor: pythonPackages },
    {
      [`${SITE}/a.dist-info/METADATA`]: "Name: a\n\nVersion: 1\n",
      [`${SITE}/b.dist-info/METADATA`]: metadata("b\u001b[2J", "1"),
      [`${SITE}/c.dist-info/METADATA`]: metadata("c", "1".repeat(10_000)),
      [`${SITE}/d.egg-info`]: "",
    },
  );
  assert.deepEqual(rows, []);
  assert.deepEqual(
    missed.map(({ code }) => code),
    Array(4).fill("scan/damaged"),
  );
});
