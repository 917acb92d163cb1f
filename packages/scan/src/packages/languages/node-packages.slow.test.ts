import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { makeScratch, run, scanFiles } from "../../system.fixture.ts";
import { nodePackages } from "./node-packages.ts";

/** What `npm ls --all --json` prints. */
interface Listed {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, Listed>>;
}

function* walkListed({ dependencies = {} }: Listed): Generator<string> {
  for (const [name, listed] of Object.entries(dependencies)) {
    yield `${name} ${listed.version}`;
    yield* walkListed(listed);
  }
}

const packed = (name: string, version: string, more: object = {}) => ({
  name,
  version,
  ...more,
});

test("nodePackages: what npm installed, with scopes, in two versions and bundled, as npm ls lists it", () => {
  using scratch = makeScratch();
  const write = (path: string, value: object) => {
    mkdirSync(dirname(scratch.path(path)), { recursive: true });
    writeFileSync(scratch.path(path), JSON.stringify(value));
  };
  const archive = (name: string) => `file:${scratch.path(`${name}.tgz`)}`;
  write("leaf-1/package.json", packed("leaf", "1.0.0"));
  write("leaf-2/package.json", packed("leaf", "2.0.0-rc.1+build"));
  write("held/package.json", packed("held", "0.0.7"));
  write("scoped/package.json", packed("@made/scoped", "3.1.4"));
  const dependencies = { leaf: archive("leaf-1.0.0"), held: "*" };
  write("bundler/package.json", {
    ...packed("bundler", "5.0.0", { dependencies }),
    bundleDependencies: ["held"],
  });
  write("bundler/node_modules/held/package.json", packed("held", "0.0.7"));
  const npm = (...args: readonly string[]) =>
    run("npm", "--offline", "--cache", scratch.path("cache"), ...args);
  const made = ["leaf-1", "leaf-2", "scoped", "bundler"].map((name) => scratch.path(name));
  npm("pack", "--ignore-scripts", "--pack-destination", scratch.path(), ...made);
  write("app/package.json", {
    ...packed("app", "1.0.0"),
    dependencies: {
      leaf: archive("leaf-2.0.0-rc.1+build"),
      "@made/scoped": archive("made-scoped-3.1.4"),
      bundler: archive("bundler-5.0.0"),
    },
  });
  const app = scratch.path("app");
  npm("--prefix", app, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent");
  const listed: Listed = JSON.parse(npm("--prefix", app, "ls", "--all", "--json"));
  const { rows, missed } = scanFiles(
    { visitor: nodePackages },
    { "/srv/app": { copy: scratch.path("app") } },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(
    rows.map(({ name, version }) => `${name} ${version}`).sort(),
    [...walkListed(listed)].sort(),
  );
  assert.equal(rows.length, 5);
  assert.deepEqual(
    rows.find(({ name }) => name === "@made/scoped"),
    {
      type: "npm",
      name: "@made/scoped",
      version: "3.1.4",
      purl: "pkg:npm/%40made/scoped@3.1.4",
      from: "/srv/app/node_modules/@made/scoped/package.json",
    },
  );
});
