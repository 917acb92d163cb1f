import assert from "node:assert/strict";
import { test } from "node:test";
import { run, scanFiles } from "../system.fixture.ts";
import { dpkg } from "./dpkg.ts";

const OS_RELEASE = 'ID=debian\nVERSION_ID="12"\n';

test("dpkg: the packages of this machine, as dpkg-query has them", () => {
  const { rows, missed } = scanFiles(
    { collector: dpkg },
    { "/etc/os-release": OS_RELEASE, "/var/lib/dpkg/status": { copy: "/var/lib/dpkg/status" } },
  );
  const fields = ["Package", "Version", "Architecture", "source:Package", "source:Version"];
  const format = [...fields, "db:Status-Status"].map((field) => `\${${field}}`).join("\t");
  const said = run("dpkg-query", "-W", "-f", `${format}\n`)
    .split("\n")
    .filter((line) => line !== "" && !/\t(?:not-installed|config-files)$/.test(line))
    .map((line) => line.split("\t").slice(0, -1).join("\t"));
  assert.deepEqual(missed, []);
  assert.deepEqual(
    rows
      .map(({ name, version, architecture, source }) =>
        [name, version, architecture, source?.name, source?.version].join("\t"),
      )
      .sort(),
    said.sort(),
  );
});

test("dpkg: states, epochs and sources as dpkg-query reads them from the same database", () => {
  const status = [
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nSource: glibc (2.36-9)\nVersion: 2.36-9+deb12u9\nDescription: library\n Package: not-a-field\n .\n end",
    "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1:2",
    "Package: half\nStatus: install reinstreq half-installed\nArchitecture: all\nVersion: 3:1.0+really2~rc1-1",
  ].join("\n\n");
  const { rows } = scanFiles(
    { collector: dpkg },
    { "/etc/os-release": OS_RELEASE, "/var/lib/dpkg/status": `${status}\n` },
  );
  assert.deepEqual(rows, [
    {
      type: "deb",
      name: "libc6",
      version: "2.36-9+deb12u9",
      architecture: "amd64",
      source: { name: "glibc", version: "2.36-9" },
      purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=debian-12",
      from: "/var/lib/dpkg/status",
    },
    {
      type: "deb",
      name: "half",
      version: "3:1.0+really2~rc1-1",
      architecture: "all",
      source: { name: "half", version: "3:1.0+really2~rc1-1" },
      purl: "pkg:deb/debian/half@3:1.0%2Breally2~rc1-1?arch=all&distro=debian-12",
      from: "/var/lib/dpkg/status",
    },
  ]);
});

test("dpkg: images without dpkg have a file for each package", () => {
  const { rows, missed } = scanFiles(
    { collector: dpkg },
    {
      "/usr/lib/os-release": OS_RELEASE,
      "/var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n",
      "/var/lib/dpkg/status.d/base.md5sums": "0123  etc/os-release\n",
    },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(
    rows.map(({ name, from }) => [name, from]),
    [["base-files", "/var/lib/dpkg/status.d/base"]],
  );
});

test("dpkg: a database that is a directory is missed, not none", () => {
  const { rows, missed } = scanFiles({ collector: dpkg }, { "/var/lib/dpkg/status/x": "" });
  assert.deepEqual(rows, []);
  assert.deepEqual(
    missed.map(({ what, code }) => [what, code]),
    [["/var/lib/dpkg/status", "disk/unsupported"]],
  );
});
