import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeScratch, run } from "../system.fixture.ts";
import { lookAtTree, runSection } from "./integrity.fixture.ts";
import { integritySections } from "./integrity-sections.ts";
import type { FileDifference } from "./package-files.ts";

const scratch = makeScratch();
const tree = scratch.path("tree");
const at = (path: string) => join(tree, path);

const SPEC = `Name: tool
Version: 1
Release: 1
Summary: made
License: none
BuildArch: noarch
%description
made
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc %{buildroot}/usr/share/tool %{buildroot}/var/log
for name in same contents mode owner gone; do echo $name > %{buildroot}/usr/bin/$name; done
echo size > %{buildroot}/usr/share/tool/size
ln -s same %{buildroot}/usr/bin/link
echo as packaged > %{buildroot}/etc/tool.conf
touch %{buildroot}/var/log/tool.log
%files
%defattr(0755,root,root)
/usr/bin/*
/usr/share/tool
%config(noreplace) /etc/tool.conf
%ghost /var/log/tool.log
`;

before(() => {
  const spec = scratch.path("tool.spec");
  writeFileSync(spec, SPEC);
  run("rpmbuild", "-bb", "--define", `_topdir ${scratch.path("build")}`, spec);
  const directory = scratch.path("build", "RPMS", "noarch");
  const files = readdirSync(directory).map((name) => `${directory}/${name}`);
  mkdirSync(tree);
  run("rpm", "--root", tree, "--dbpath", "/var/lib/rpm", "--initdb");
  run("rpm", "--root", tree, "--dbpath", "/var/lib/rpm", "-i", "--nodeps", ...files);
});
after(() => scratch[Symbol.dispose]());

const LETTERS: Readonly<Record<string, FileDifference>> = {
  S: "size",
  M: "mode",
  "5": "contents",
  L: "target",
  U: "owner",
  G: "group",
};

/** What rpm says, in the form of the rows; times alone are no difference. */
function askRpm(): readonly string[] {
  return run("sh", "-c", 'rpm --root "$1" --dbpath /var/lib/rpm -Va || true', "sh", tree)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, state = "", kind, path] = /^(\S+)\s+([a-z] )?\s*(\/.*)$/.exec(line) ?? [];
      const differs = [...state]
        .map((letter) => LETTERS[letter])
        .filter((each) => each !== undefined);
      const said = state === "missing" ? ["missing"] : differs.sort();
      return `${path} ${said}${kind === "c " ? " c" : ""}`;
    })
    .sort();
}

function say(): readonly string[] {
  const { rows, missed } = runSection(lookAtTree(tree, 64), integritySections.packageFiles);
  assert.deepEqual(missed, []);
  return rows
    .map(
      ({ path, kind, differs }) => `${path} ${differs.toSorted()}${kind === "changed" ? "" : " c"}`,
    )
    .sort();
}

test("packageFiles: rpm's packages, as rpm -Va says it", () => {
  assert.deepEqual(say(), []);
  assert.deepEqual(askRpm(), []);
  writeFileSync(at("usr/bin/contents"), "CONTENTS\n");
  chmodSync(at("usr/bin/mode"), 0o4755);
  chownSync(at("usr/bin/owner"), 5, 6);
  rmSync(at("usr/bin/gone"));
  appendFileSync(at("usr/share/tool/size"), "more\n");
  appendFileSync(at("etc/tool.conf"), "changed\n");
  rmSync(at("usr/bin/link"));
  symlinkSync("contents", at("usr/bin/link"));
  const said = say();
  assert.deepEqual(said, askRpm());
  assert.equal(said.length, 7);
});
