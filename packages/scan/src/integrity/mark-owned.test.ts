import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds } from "@casemate/core";
import { inventory } from "../inventory.ts";
import { scanSystem } from "../scan.ts";
import { diskOf, type MadeFile, makeVolume } from "../system.fixture.ts";

const METADATA = (name: string) => `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`;
const MANIFEST = (name: string) => JSON.stringify({ name, version: "1.0.0" });

/** Names of languages' packages, and what they are part of. */
function owners(files: Readonly<Record<string, MadeFile>>) {
  const disks = [{ name: "disk", reader: diskOf(makeVolume(files, { sizeMiB: 4 })) }];
  const options = { budget: milliseconds(60_000), only: ["packages"] as const };
  const { found, missed } = scanSystem(disks, inventory, options);
  const languages = (found.packages ?? []).filter(({ from }) => !from.startsWith("/var/lib/dpkg"));
  const rows = languages.map(({ name, partOf }) => `${name} ${partOf}`).sort();
  return { rows, missed };
}

test("markOwned: dpkg's lists, those of a system before /usr was merged, too", () => {
  const python = "/usr/lib/python3/dist-packages";
  const { rows, missed } = owners({
    "etc/os-release": "ID=debian\nVERSION_ID=12\n",
    lib: { link: "usr/lib" },
    "var/lib/dpkg/status": ["python3-ours", "node-ours"]
      .map((name) => `Package: ${name}\nStatus: install ok installed\nVersion: 1\n`)
      .join("\n"),
    "var/lib/dpkg/info/python3-ours.list": `/.\n${python}/ours-1.dist-info/METADATA\n`,
    "var/lib/dpkg/info/node-ours:all.list": "/lib/nodejs/ours/package.json\n",
    "usr/lib/python3/dist-packages/ours-1.dist-info/METADATA": METADATA("ours"),
    "usr/local/lib/python3/dist-packages/theirs-1.dist-info/METADATA": METADATA("theirs"),
    "usr/lib/nodejs/ours/package.json": MANIFEST("node-ours"),
    "srv/node_modules/theirs/package.json": MANIFEST("node-theirs"),
  });
  assert.deepEqual(missed, []);
  assert.deepEqual(rows, [
    "node-ours deb/node-ours",
    "node-theirs undefined",
    "ours deb/python3-ours",
    "theirs undefined",
  ]);
});

test("markOwned: apk's database", () => {
  const place = "usr/lib/python3.12/site-packages";
  const { rows } = owners({
    "etc/os-release": "ID=alpine\nVERSION_ID=3.20.3\n",
    "lib/apk/db/installed": `P:py3-ours\nV:1-r0\nA:x86_64\nF:${place}/ours-1.dist-info\nR:METADATA\n\n`,
    [`${place}/ours-1.dist-info/METADATA`]: METADATA("ours"),
    [`${place}/theirs-1.dist-info/METADATA`]: METADATA("theirs"),
  });
  assert.deepEqual(
    rows.filter((row) => !row.startsWith("py3-")),
    ["ours apk/py3-ours", "theirs undefined"],
  );
});
