import assert from "node:assert/strict";
import { test } from "node:test";
import { debian12, hashRecipe, readGuestFiles } from "./recipe.ts";

const file = { path: "etc/a", executable: false, content: Buffer.from("a") };
const other = { path: "etc/b", executable: false, content: Buffer.from("b") };
const hash = hashRecipe(debian12, [file, other]);

test("hashRecipe: the order in which files are found does not matter", () => {
  assert.equal(hashRecipe(debian12, [other, file]), hash);
});

test("hashRecipe: packages, suite, contents, names and modes matter", () => {
  const changed = [
    hashRecipe({ ...debian12, packages: [...debian12.packages, "less"] }, [file, other]),
    hashRecipe({ ...debian12, suite: "trixie" }, [file, other]),
    hashRecipe(debian12, [{ ...file, content: Buffer.from("A") }, other]),
    hashRecipe(debian12, [{ ...file, path: "etc/c" }, other]),
    hashRecipe(debian12, [{ ...file, executable: true }, other]),
    hashRecipe(debian12, [file]),
  ];
  assert.equal(new Set([hash, ...changed]).size, changed.length + 1);
});

test("readGuestFiles: the guest's scripts are executable", async () => {
  const files = await readGuestFiles();
  const scripts = files.filter(({ content }) => content.toString().startsWith("#!"));
  assert.ok(scripts.length >= 6);
  assert.deepEqual(
    scripts.filter(({ executable }) => !executable),
    [],
  );
});
