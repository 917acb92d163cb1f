import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { adviseOn } from "../../advisories/ecosystem.ts";
import { makeScratch, run, scanFiles } from "../../system.fixture.ts";
import {
  type MadeElf,
  makeElf,
  makeInlineBuildInfo,
  makePointedBuildInfo,
  visitedFile,
} from "./elf.fixture.ts";
import { programPackages } from "./program-packages.ts";

const LINES = [
  "path\texample.org/made/cmd/made",
  "mod\texample.org/made\t(devel)\t",
  "dep\tgithub.com/BurntSushi/toml\tv1.2.0\th1:Rt8g24XnyGTyglgET/PRUNlrUeu9F5L+7FilkXfZgs0=",
  "dep\tgolang.org/x/net\tv0.1.0",
  "=>\texample.org/fork/net\tv0.2.0\th1:abc=",
  "dep\tk8s.io/api\tv0.0.0",
  "=>\t./staging/src/k8s.io/api\t(devel)\t",
  'build\t-ldflags="-X main.version=1"',
  "",
].join("\n");
const PACKAGES = [
  "stdlib 1.22.5 pkg:golang/stdlib@1.22.5",
  "example.org/made (devel) pkg:golang/example.org/made",
  "github.com/BurntSushi/toml v1.2.0 pkg:golang/github.com/burntsushi/toml@v1.2.0",
  "example.org/fork/net v0.2.0 pkg:golang/example.org/fork/net@v0.2.0",
  "k8s.io/api (devel) pkg:golang/k8s.io/api",
];
const KINDS = [32, 64].flatMap((bits) =>
  ["little", "big"].map((order) => ({ bits, order })),
) as readonly Pick<MadeElf, "bits" | "order">[]; // each of the two is one of those

const listed = (elf: Buffer) =>
  [...programPackages.visit(visitedFile("/usr/bin/made", elf))].map(
    ({ name, version, purl }) => `${name} ${version} ${purl}`,
  );

test("programPackages: Go's modules, inline and by address, of 32 and 64 bits, of both byte orders", () => {
  const toolchain = "go1.22.5 X:boringcrypto";
  for (const kind of KINDS) {
    const infos = [
      makeInlineBuildInfo(toolchain, LINES),
      makePointedBuildInfo(toolchain, LINES, kind),
    ];
    for (const info of infos) {
      const sections = { ".go.buildinfo": info, ".data": Buffer.alloc(100, 1) };
      assert.deepEqual(listed(makeElf({ ...kind, sections })), PACKAGES);
      assert.deepEqual(listed(makeElf({ ...kind, sections, hasSections: false })), PACKAGES);
    }
  }
});

test("programPackages: Go without modules, and one that is still being developed", () => {
  const program = (toolchain: string) =>
    makeElf({
      bits: 64,
      order: "little",
      sections: { ".go.buildinfo": makeInlineBuildInfo(toolchain, "") },
    });
  assert.deepEqual(listed(program("go1.19.8")), ["stdlib 1.19.8 pkg:golang/stdlib@1.19.8"]);
  assert.deepEqual(listed(program("devel go1.24-5e8b1f9 Tue Oct 1")), [
    "stdlib (devel) pkg:golang/stdlib",
  ]);
});

test("programPackages: Go's addresses that are only put in place at the start are missed", () => {
  const info = makePointedBuildInfo("go1.16", "", { bits: 64, order: "little" });
  info.fill(0, 16, 32);
  const elf = makeElf({ bits: 64, order: "little", sections: { ".go.buildinfo": info } });
  assert.throws(() => listed(elf), { code: "scan/unsupported" });
});

const CRATES = {
  packages: [
    { name: "made", version: "0.1.0", source: "local", root: true, dependencies: [1, 2] },
    { name: "openssl", version: "0.10.55", source: "crates.io" },
    { name: "cc", version: "1.0.83", source: "crates.io", kind: "build" },
    { name: "rand_core", version: "0.6.4+1", source: "registry", kind: "runtime" },
  ],
};

test("programPackages: crates that objcopy puts into a program as cargo-auditable does", () => {
  using scratch = makeScratch();
  writeFileSync(scratch.path("crates"), deflateSync(JSON.stringify(CRATES)));
  const add = `.dep-v0=${scratch.path("crates")}`;
  run("objcopy", "--add-section", add, "/usr/bin/openssl", scratch.path("made"));
  const { rows, missed } = scanFiles(
    { visitor: programPackages },
    {
      "/opt/made/bin/made": { copy: scratch.path("made") },
      "/opt/made/bin/other": { copy: "/usr/bin/openssl" },
      "/opt/made/bin/script": { mode: 0o755, contents: `#!/bin/sh\n${"#".repeat(20_000)}` },
    },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(
    rows.map(({ purl, from }) => [purl, from]),
    [
      ["pkg:cargo/made@0.1.0", "/opt/made/bin/made"],
      ["pkg:cargo/openssl@0.10.55", "/opt/made/bin/made"],
      ["pkg:cargo/rand_core@0.6.4%2B1", "/opt/made/bin/made"],
    ],
  );
});

test("programPackages: advisories are looked for under Go's and crates.io's names", () => {
  const sections = {
    ".go.buildinfo": makeInlineBuildInfo("go1.22.5", LINES),
    ".dep-v0": deflateSync(JSON.stringify(CRATES)),
  };
  const elf = makeElf({ bits: 64, order: "little", sections });
  const advised = [...programPackages.visit(visitedFile("/made", elf))].map((row) =>
    adviseOn(row, undefined),
  );
  assert.deepEqual(advised[0], { ecosystem: "Go", name: "stdlib", version: "1.22.5" });
  assert.deepEqual(advised[2]?.name, "github.com/BurntSushi/toml");
  assert.deepEqual(advised.at(-1)?.ecosystem, "crates.io");
});

test("programPackages: HOSTILE: bombs and sizes beyond all that is meant are missed", () => {
  const program = (crates: Buffer) =>
    makeElf({ bits: 64, order: "little", sections: { ".dep-v0": crates } });
  const hostile = {
    "a bomb": program(deflateSync(Buffer.alloc(16 * 1024 * 1024))),
    "no zlib": program(Buffer.from("{}")),
    "no JSON": program(deflateSync("{")),
    "half of nested JSON": program(deflateSync("[".repeat(1_000_000))),
    "JSON nested deep": program(
      deflateSync(`{"packages":${"[".repeat(400_000)}${"]".repeat(400_000)}}`),
    ),
    "no names": program(deflateSync('{"packages":[{"name":1}]}')),
    "names of a terminal": program(
      deflateSync('{"packages":[{"name":"a\\u001b[2J","version":"1"}]}'),
    ),
    "more than is read": program(Buffer.alloc(2 * 1024 * 1024)),
    "build information that is none": makeElf({
      bits: 64,
      order: "little",
      sections: { ".go.buildinfo": Buffer.alloc(64) },
    }),
  };
  for (const [what, elf] of Object.entries(hostile)) {
    assert.throws(() => listed(elf), { code: "scan/damaged" }, what);
  }
});
