import assert from "node:assert/strict";
import { test } from "node:test";
import { scanFiles } from "../system.fixture.ts";
import { apk } from "./apk.ts";

/** As apk-tools 2.14 writes it: fields of the package, then its directories (F, M) and files (R, a, Z). */
const INSTALLED = `C:Q1p78yvTLG094tHE1+dToJGbmYzQE=
P:musl
V:1.2.5-r0
A:x86_64
S:407278
T:the musl c library (libc) implementation
o:musl
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1yrA0oUbNzl5Y7YZqUFJmeTXQ==

P:musl-utils
V:1.2.5-r0
A:x86_64
o:musl
F:usr/bin
R:P:not-a-package

P:half

`;

test("apk: packages with the origin that they are built from", () => {
  const { rows, missed } = scanFiles(
    { collector: apk },
    { "/etc/os-release": "ID=alpine\nVERSION_ID=3.20.3\n", "/lib/apk/db/installed": INSTALLED },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(rows, [
    {
      type: "apk",
      name: "musl",
      version: "1.2.5-r0",
      architecture: "x86_64",
      source: { name: "musl", version: "1.2.5-r0" },
      purl: "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3",
      from: "/lib/apk/db/installed",
    },
    {
      type: "apk",
      name: "musl-utils",
      version: "1.2.5-r0",
      architecture: "x86_64",
      source: { name: "musl", version: "1.2.5-r0" },
      purl: "pkg:apk/alpine/musl-utils@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3",
      from: "/lib/apk/db/installed",
    },
  ]);
});
