import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../system.fixture.ts";
import { parseOsRelease } from "./os-release.ts";

const TEXT = `# comment
NAME="AlmaLinux"
VERSION_ID='9.4'
ID=almalinux
ID_LIKE="rhel centos fedora"
PRETTY_NAME="A \\"quoted\\" \\$name with \\\\ and \\\`ticks\\\`"
`;

test("parseOsRelease: values as a shell reads them", () => {
  const release = parseOsRelease(TEXT);
  assert.deepEqual(release?.idLike, ["rhel", "centos", "fedora"]);
  assert.equal(release?.versionId, "9.4");
  assert.equal(release?.prettyName, run("sh", "-c", `${TEXT}printf %s "$PRETTY_NAME"`));
});

test("parseOsRelease: nothing without an ID", () => {
  assert.equal(parseOsRelease("NAME=x\n"), undefined);
});
