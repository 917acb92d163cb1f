import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fetchPackages, labCacheDir } from "@casemate/lab";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { makeScratch, run } from "../system.fixture.ts";
import { formatSarif } from "./format-sarif.ts";
import { formatSpdx } from "./format-spdx.ts";
import { makeReport } from "./report.fixture.ts";
import type { ScanReport } from "./scan-report.ts";

const { os: _, vulnerabilities: __, findings: ___, ...unasked } = makeReport();
const reports: Readonly<Record<string, ScanReport>> = {
  "with something missed": makeReport({
    missed: [{ what: "/srv/[x](y)", code: "disk/damaged", reason: "Cannot read it: damaged." }],
  }),
  "of no system": { ...unasked, found: {} },
};

test("formatSarif: accepted by the specification's schema", async () => {
  // A crate that is made from the schema, and brings it.
  const packages = ["librust-serde-sarif-dev"];
  const tree = await fetchPackages({ suite: "sid", packages, cacheDir: labCacheDir });
  const [schema = ""] = globSync(join(tree, "usr/share/cargo/registry/*/src/schema.json"));
  // Its patterns are older than the expressions that `u` allows.
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
  addFormats.default(ajv);
  const validate = ajv.compile(JSON.parse(readFileSync(schema, "utf8")));
  for (const [name, report] of Object.entries(reports)) {
    assert.ok(validate(formatSarif(report)), `${name}: ${ajv.errorsText(validate.errors)}`);
  }
  const [first] = Object.values(reports).map(formatSarif);
  assert.equal(validate({ ...first, version: "2.0.0" }), false, "the schema was not asked");
});

test("formatSpdx: accepted by the specification's own tool, which knows everything in it", async () => {
  const packages = ["spdx-tools", "beartype", "boolean", "click", "isodate", "license-expression"]
    .concat("ply", "pyparsing", "rdflib", "semantic-version", "uritools", "xmltodict", "yaml")
    .map((name) => `python3-${name}`);
  const tree = await fetchPackages({ suite: "sid", packages, cacheDir: labCacheDir });
  using scratch = makeScratch();
  const [input, output] = [scratch.path("in.spdx.json"), scratch.path("out.spdx.json")];
  const convert = (document: object) => {
    writeFileSync(input, JSON.stringify(document));
    const modules = `PYTHONPATH=${join(tree, "usr/lib/python3/dist-packages")}`;
    const tool = join(tree, "usr/bin/pyspdxtools");
    run("env", modules, "python3", tool, "--infile", input, "--outfile", output);
    // The specification's text has a hyphen in these words, its first schema an underscore.
    const text = readFileSync(output, "utf8").replaceAll(/(?<="[A-Z]+)_(?=[A-Z]+")/g, "-");
    return JSON.parse(text);
  };
  for (const report of Object.values(reports)) {
    const document = formatSpdx(report);
    // What it does not know it would leave out.
    assert.deepEqual(convert(document), document);
  }
  const [first] = Object.values(reports).map(formatSpdx);
  assert.throws(() => convert({ ...first, dataLicense: "MIT" }), /data_license/);
});
