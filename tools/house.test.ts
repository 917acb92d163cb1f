import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { findRankViolations } from "./ranks.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function runTool(name: string, args: readonly string[]): void {
  const run = spawnSync(join(root, "node_modules/.bin", name), args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`.slice(-6000));
}

test("types: the strictest compiler has nothing to say", () => runTool("tsc", ["--noEmit"]));

test("lint: neither has the linter, warnings included", () =>
  runTool("biome", ["check", "--error-on-warnings", "."]));

test("dead code: every file, export and dependency is used", () =>
  runTool("knip", ["--no-progress"]));

test("ranks: imports point down the ranks", async () => {
  assert.deepEqual(await findRankViolations(root), []);
});

test("package-lock.json: has an entry for every optional package, or `npm ci` refuses it", async () => {
  const lock: {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const missing = Object.values(lock.packages)
    .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
    .filter((name) => !Object.keys(lock.packages).some((path) => path.endsWith(`/${name}`)));
  assert.deepEqual(missing, []);
});
