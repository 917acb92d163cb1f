import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fetchPackages, labCacheDir } from "@casemate/lab";
import { Ajv } from "ajv";
import { makeScratch, run } from "../system.fixture.ts";
import { formatSarif } from "./format-sarif.ts";
import { formatSpdx } from "./format-spdx.ts";
import { makeReport } from "./report.fixture.ts";

const missed = [
  { what: "/srv", code: "disk/damaged", reason: "Cannot read it: it is damaged." },
] as const;
const reports = [makeReport(), makeReport({ missed }), { ...makeReport(), found: {} }];

test("formatSarif: accepted by the specification's schema", async () => {
  const directory = await fetchPackages({
    suite: "sid",
    packages: ["librust-serde-sarif-dev"],
    cacheDir: labCacheDir,
  });
});

test("formatSpdx: accepted by the specification's own tool, which finds nothing in it that it does not know", async () => {});
