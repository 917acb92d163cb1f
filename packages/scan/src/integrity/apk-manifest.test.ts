import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { makeScratch } from "../system.fixture.ts";
import { lookAtTree, runSection } from "./integrity.fixture.ts";
import { integritySections } from "./integrity-sections.ts";

const sum = (text: string) => `Z:Q1${createHash("sha1").update(text).digest("base64")}`;

/** A package's record as apk-tools 2.14 writes it. */
const record = (own: string) => `C:Q1a=
P:tool
V:1-r0
A:x86_64
F:usr/bin
R:same
a:${own}:755
${sum("same\n")}
R:changed
a:${own}:755
${sum("changed\n")}
R:mode
a:${own}:755
${sum("mode\n")}
R:link
a:${own}:777
${sum("same")}
R:other
a:${own}:777
${sum("same")}
R:gone
a:${own}:755
${sum("gone\n")}
F:etc
R:tool.conf
a:${own}:644
${sum("as packaged\n")}

`;

test("packageFiles: apk's packages, by SHA-1 of contents and of where links lead", () => {
  using scratch = makeScratch();
  const at = (path: string) => scratch.path("tree", path);
  for (const directory of ["usr/bin", "etc", "lib/apk/db"])
    mkdirSync(at(directory), { recursive: true });
  for (const name of ["same", "mode"]) writeFileSync(at(`usr/bin/${name}`), `${name}\n`);
  writeFileSync(at("usr/bin/changed"), "CHANGED\n");
  for (const name of ["same", "changed"]) chmodSync(at(`usr/bin/${name}`), 0o755);
  chmodSync(at("usr/bin/mode"), 0o4755);
  symlinkSync("same", at("usr/bin/link"));
  symlinkSync("changed", at("usr/bin/other"));
  writeFileSync(at("etc/tool.conf"), "changed\n", { mode: 0o644 });
  const own = `${process.getuid?.()}:${process.getgid?.()}`;
  writeFileSync(
    at("lib/apk/db/installed"),
    record(own)
      .replace("F:usr/bin\n", `F:usr/bin\nM:${own}:755\n`)
      .replace("F:etc\n", `F:etc\nM:${own}:755\n`),
  );
  const { rows, missed } = runSection(lookAtTree(at("")), integritySections.packageFiles);
  assert.deepEqual(missed, []);
  assert.deepEqual(rows.map(({ path, kind, differs }) => `${path} ${kind} ${differs}`).sort(), [
    "/etc/tool.conf changed configuration contents",
    "/usr/bin/changed changed contents",
    "/usr/bin/gone changed missing",
    "/usr/bin/mode changed mode",
    "/usr/bin/other changed contents",
  ]);
});
