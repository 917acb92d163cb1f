import assert from "node:assert/strict";
import { chmodSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fetchPackages, labCacheDir } from "@casemate/lab";
import { makeScratch, run } from "../../system.fixture.ts";
import { visitedFile } from "./elf.fixture.ts";
import { parseGoModules } from "./go-modules.ts";
import { programPackages } from "./program-packages.ts";

/** ELF gABI 4.1, "ELF Header": e_shoff, and e_shnum with e_shstrndx. */
const [SECTIONS_AT, SECTIONS] = [40, 60];

/** A copy of a program that does not say where its sections are, as some packers leave it. */
function withoutSections(program: string, copy: string): string {
  const bytes = readFileSync(program);
  bytes.fill(0, SECTIONS_AT, SECTIONS_AT + 8).fill(0, SECTIONS, SECTIONS + 4);
  writeFileSync(copy, bytes);
  chmodSync(copy, 0o755);
  return copy;
}

test("programPackages: programs of Go 1.15 to the newest as go version -m reads them", async () => {
  using scratch = makeScratch();
  const cacheDir = labCacheDir;
  const packages = ["golang-1.24-go"];
  const tree = await fetchPackages({ suite: "trixie", packages, cacheDir });
  const go = join(tree, "usr/lib/go-1.24/bin/go");
  // Debian 11's Go wrote addresses.
  const old = await fetchPackages({ suite: "bullseye", packages: ["gron"], cacheDir });
  // TypeScript's compiler is made of modules.
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
  const [compiler = ""] = globSync(
    join(typescript, "../../@typescript/typescript-linux-x64/lib/tsc"),
  );
  const programs = [
    go,
    withoutSections(join(tree, "usr/lib/go-1.24/bin/gofmt"), scratch.path("gofmt")),
    join(old, "usr/bin/gron"),
    compiler,
    withoutSections(compiler, scratch.path("tsc")),
  ];
  for (const program of programs) {
    // "PATH: go1.22.5", then the lines of modules after a tab each.
    const [first = "", ...lines] = run(go, "version", "-m", program).split("\n");
    const modules = parseGoModules(lines.map((line) => line.slice(1)).join("\n"));
    const [, version] = /: go(\S+)/.exec(first) ?? [];
    const found = [...programPackages.visit(visitedFile(program, readFileSync(program)))];
    assert.deepEqual(
      found.map(({ name: path, version }) => ({ path, version })),
      [{ path: "stdlib", version }, ...modules],
    );
    assert.equal(found.length > 5, program.endsWith("tsc"), `${found.length} in ${program}`);
  }
});
