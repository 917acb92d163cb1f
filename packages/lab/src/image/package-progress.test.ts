import assert from "node:assert/strict";
import { test } from "node:test";
import { PackageProgress } from "./package-progress.ts";

test("PackageProgress: counts what apt planned and dpkg set up", () => {
  const progress = new PackageProgress();
  assert.ok(progress.see("I: downloading packages with apt..."));
  assert.ok(progress.see("0 upgraded, 2 newly installed, 0 to remove and 1 not upgraded."));
  assert.ok(!progress.see("Unpacking libc6:amd64 (2.36-9) ..."));
  assert.ok(progress.see("Setting up libc6:amd64 (2.36-9) ..."));
  assert.deepEqual(progress.state, { done: 1, total: 2, detail: "libc6" });
});
