import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { makeScratch, run } from "../system.fixture.ts";
import { LARGE_FILE, lookAtTree, runSection } from "./integrity.fixture.ts";
import { integritySections } from "./integrity-sections.ts";

const scratch = makeScratch();
const tree = scratch.path("tree");
const at = (path: string) => join(tree, path);
const filter = at("etc/dpkg/dpkg.cfg.d/docs");
const filters = ["path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright"];

before(() => {
  for (const directory of ["usr/bin", "usr/lib", "var/lib/dpkg/info", "var/lib/dpkg/updates"]) {
    mkdirSync(at(directory), { recursive: true });
  }
  mkdirSync(dirname(filter), { recursive: true });
  writeFileSync(filter, `# left out\n${filters.join("\n")}\n`);
  symlinkSync("usr/bin", at("bin"));
  symlinkSync("usr/lib", at("lib"));
  for (const file of ["status", "available"]) writeFileSync(at(`var/lib/dpkg/${file}`), "");
  install("tool", {
    "bin/tool": "#!/bin/sh\n",
    "bin/other": "other\n",
    "usr/lib/tool/large": LARGE_FILE,
    "usr/lib/tool/gone": "gone\n",
    "usr/lib/tool/linked": "linked\n",
    "usr/lib/tool/same one": "same\n",
    "usr/share/doc/tool/README": "left out\n",
    "usr/share/doc/tool/copyright": "kept\n",
    "etc/tool/changed.conf": "as packaged\n",
    "etc/tool/gone.conf": "as packaged\n",
    "etc/tool/same.conf": "as packaged\n",
  });
  run(
    "dpkg-divert",
    "--root",
    tree,
    "--package",
    "rival",
    "--rename",
    "--divert",
    "/bin/other.distrib",
    "/bin/other",
  );
  install("rival", { "bin/other": "rival\n" });
});
after(() => scratch[Symbol.dispose]());

/** Makes a package by dpkg-deb and installs it by dpkg; what is in etc is configuration. */
function install(name: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  const build = scratch.path(name);
  const all = {
    ...files,
    "DEBIAN/control": `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: made\n`,
    "DEBIAN/conffiles": Object.keys(files)
      .filter((path) => path.startsWith("etc/"))
      .map((path) => `/${path}\n`)
      .join(""),
  };
  for (const [path, contents] of Object.entries(all)) {
    mkdirSync(dirname(join(build, path)), { recursive: true });
    writeFileSync(join(build, path), contents);
  }
  run("dpkg-deb", "--build", "--root-owner-group", build, `${build}.deb`);
  const options = filters.map((line) => `--${line}`);
  const forces = ["--force-not-root", "--force-script-chrootless"];
  run("dpkg", `--root=${tree}`, ...options, ...forces, "--install", `${build}.deb`);
}

/** What dpkg says: what fails of contents and of being there, by path. */
const askDpkg = (): readonly string[] =>
  run("sh", "-c", 'dpkg --verify --root="$1" || true', "sh", tree)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, state = "", kind, path] = /^(\S+)\s+(c )?\s*(\/.*)$/.exec(line) ?? [];
      return `${path} ${state === "missing" ? "missing" : "contents"}${kind === undefined ? "" : " c"}`;
    })
    .sort();

function say() {
  const { rows, missed } = runSection(lookAtTree(tree), integritySections.packageFiles);
  assert.deepEqual(missed, []);
  return rows;
}

const inForm = (rows: ReturnType<typeof say>): readonly string[] =>
  rows
    .map(({ path, kind, differs }) => `${path} ${differs}${kind === "changed" ? "" : " c"}`)
    .sort();

test("packageFiles: nothing to say of packages as dpkg installed them, but what it was told to leave out", () => {
  assert.deepEqual(say(), []);
  assert.ok(askDpkg().every((line) => line.startsWith("/usr/share/doc/")));
  rmSync(filter);
  assert.deepEqual(inForm(say()), askDpkg());
});

test("packageFiles: what was changed, as dpkg --verify says it, with usr merged and a file diverted", () => {
  appendFileSync(at("usr/bin/tool"), "# more\n");
  appendFileSync(at("usr/bin/other.distrib"), "# more\n");
  appendFileSync(at("usr/lib/tool/large"), "x");
  rmSync(at("usr/lib/tool/gone"));
  appendFileSync(at("etc/tool/changed.conf"), "changed = yes\n");
  rmSync(at("etc/tool/gone.conf"));
  const rows = say();
  const paths = (lines: readonly string[]) =>
    lines.map((line) => line.replace(/^\/(?=bin\/|lib\/)/, "/usr/"));
  // dpkg does not look for the contents of what was moved away.
  const moved = "/usr/bin/other.distrib contents";
  assert.deepEqual(inForm(rows), [...paths(askDpkg()), moved].sort());
  const tool = rows.find(({ path }) => path === "/usr/bin/tool");
  assert.deepEqual(tool, {
    path: "/usr/bin/tool",
    package: "tool",
    packageType: "deb",
    kind: "changed",
    differs: ["contents"],
    expected: { digest: `md5:${md5("#!/bin/sh\n")}` },
    seen: { digest: `md5:${md5("#!/bin/sh\n# more\n")}` },
  });
});

test("packageFiles: what is no file any more, what is elsewhere by a link, what lost its checksum", () => {
  rmSync(at("usr/lib/tool/linked"));
  symlinkSync("same one", at("usr/lib/tool/linked"));
  renameSync(at("usr/lib/tool"), at("srv"));
  symlinkSync("/srv", at("usr/lib/tool"));
  const sums = at("var/lib/dpkg/info/rival.md5sums");
  appendFileSync(at("usr/bin/other"), "# more\n");
  writeFileSync(sums, `${md5("")}  usr/bin/another\n`);
  const said = inForm(say());
  assert.ok(said.includes("/usr/lib/tool/linked type"), said.join("\n"));
  assert.ok(said.includes("/usr/lib/tool/large contents"), said.join("\n"));
  assert.ok(said.includes("/usr/bin/other no checksum"), said.join("\n"));
  assert.ok(!said.some((line) => line.includes("same one")));
  rmSync(sums);
  const { missed } = runSection(lookAtTree(tree), integritySections.packageFiles);
  assert.deepEqual(
    missed.map(({ what, code }) => [what, code]),
    [["/var/lib/dpkg/info/rival.md5sums", "scan/damaged"]],
  );
});

test("unownedPrograms: what no package has, but not what alternatives lead to; of bytecode its source", () => {
  writeFileSync(at("usr/bin/implant"), "implant\n");
  chmodSync(at("usr/bin/implant"), 0o4755);
  symlinkSync("/etc/alternatives/editor", at("usr/bin/editor"));
  symlinkSync("implant", at("usr/bin/alias"));
  const { rows } = runSection(lookAtTree(tree), integritySections.unownedPrograms);
  assert.deepEqual(rows.map(({ path, mode, type, target }) => [path, mode, type, target]).sort(), [
    ["/usr/bin/alias", "0777", "symlink", "implant"],
    ["/usr/bin/implant", "4755", "file", undefined],
  ]);
});

test("packageFiles: without a database nothing is said to be unchanged", () => {
  const empty = scratch.path("empty");
  mkdirSync(join(empty, "usr/bin"), { recursive: true });
  writeFileSync(join(empty, "usr/bin/program"), "");
  const { rows, missed } = runSection(lookAtTree(empty), integritySections.packageFiles);
  assert.deepEqual(rows, []);
  assert.deepEqual(
    missed.map(({ what, code }) => [what, code]),
    [["packageFiles", "disk/not-found"]],
  );
  assert.deepEqual(runSection(lookAtTree(empty), integritySections.unownedPrograms).rows, []);
});

const md5 = (text: string) => run("sh", "-c", 'printf %s "$1" | md5sum', "sh", text).slice(0, 32);
