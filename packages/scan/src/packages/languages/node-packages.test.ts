import assert from "node:assert/strict";
import { test } from "node:test";
import { scanFiles } from "../../system.fixture.ts";
import { nodePackages } from "./node-packages.ts";

test("nodePackages: in stores and Debian's directories, not in tests of packages nor beside them", () => {
  const manifest = JSON.stringify({ name: "made", version: "1.0.0" });
  const installed = [
    "/usr/share/nodejs/made/package.json",
    "/usr/share/nodejs/@a/b/package.json",
    "/usr/lib/node_modules/npm/node_modules/made/package.json",
    "/srv/test/node_modules/made/package.json",
    "/srv/node_modules/.pnpm/test@1.0.0/node_modules/made/package.json",
    "/srv/node_modules/test/node_modules/made/package.json",
    "/srv/node_modules/@tests/examples/node_modules/@a/made/package.json",
    "/srv/node_modules/made/dist/node_modules/made/package.json",
  ];
  const others = [
    "/srv/package.json",
    "/srv/node_modules/package.json",
    "/srv/node_modules/.cache/package.json",
    "/srv/node_modules/made/dist/package.json",
    "/srv/node_modules/@a/made/esm/package.json",
    "/srv/node_modules/made/test/node_modules/made/package.json",
    "/srv/node_modules/@a/made/lib/__fixtures__/x/node_modules/made/package.json",
    "/srv/nodejs/made/package.json",
  ];
  const { rows, missed } = scanFiles(
    { visitor: nodePackages },
    Object.fromEntries([...installed, ...others].map((path) => [path, manifest])),
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(rows.map(({ from }) => from).sort(), installed.sort());
});

test("nodePackages: what is no package passes, what cannot be read is missed", () => {
  const modules = (name: string) => `/srv/node_modules/${name}/package.json`;
  const { rows, missed } = scanFiles(
    { visitor: nodePackages },
    {
      [modules("mark")]: `\u{feff}${JSON.stringify({ name: "mark", version: "1.0.0" })}`,
      [modules("loader")]: '{"type":"module"}',
      [modules("list")]: "[]",
      [modules("types")]: '{"name":["a"],"version":{"b":1}}',
      [modules("half")]: '{"name":"half"',
      [modules("deep")]: "[".repeat(200_000),
      [modules("large")]: " ".repeat(600_000),
      [modules("terminal")]: JSON.stringify({ name: "a\u001b[2J", version: "1.0.0" }),
      "/srv/node_modules/link/package.json": { link: "/etc/passwd" },
    },
  );
  assert.deepEqual(
    rows.map(({ name }) => name),
    ["mark"],
  );
  const damaged = ["deep", "half", "large", "terminal"].map((name) => [
    modules(name),
    "scan/damaged",
  ]);
  assert.deepEqual(missed.map(({ what, code }) => [what, code]).sort(), damaged);
});
