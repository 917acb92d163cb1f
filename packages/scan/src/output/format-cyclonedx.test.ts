import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@casemate/core";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { formatCycloneDx } from "./format-cyclonedx.ts";
import { makeReport } from "./report.fixture.ts";
import type { ScanReport } from "./scan-report.ts";

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
const missed = [
  { what: "/srv", code: "disk/damaged", reason: "Cannot read it: it is damaged." },
] as const;

/** The document as a reader gets it, once the specification's own schema has accepted it. */
async function readDocument(report: ScanReport) {
  const text = JSON.stringify(formatCycloneDx(report));
  assert.equal(await validator.validate(text), null);
  return JSON.parse(text);
}

test("formatCycloneDx: packages by their URLs, once each, under the system and its operating system", async () => {
  const { metadata, components, dependencies } = await readDocument(makeReport());
  assert.equal(metadata.component.name, "web01.qcow2");
  assert.equal(metadata.timestamp, "2026-03-04T05:06:07.089Z");
  const [os, openssl, , library] = components;
  assert.deepEqual(os, {
    type: "operating-system",
    "bom-ref": "operating-system",
    name: "debian",
    version: "12",
    description: "Debian GNU/Linux 12 (bookworm)",
    cpe: "cpe:2.3:o:debian:debian_linux:12:*:*:*:*:*:*:*",
  });
  assert.equal(openssl.purl, "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12");
  assert.deepEqual(library.evidence.occurrences, [
    { location: "/srv/a/node_modules/left-pad" },
    { location: "/srv/b/node_modules/left-pad" },
  ]);
  const references = components.map((component: JsonObject) => component["bom-ref"]);
  assert.deepEqual(dependencies, [{ ref: "system", dependsOn: references }]);
});

test("formatCycloneDx: one vulnerability for all packages of which the same is said", async () => {
  const { vulnerabilities } = await readDocument(makeReport());
  const [both, unfixed] = vulnerabilities;
  assert.equal(both.id, "CVE-2024-5535");
  assert.deepEqual(both.references, [{ id: "DSA-5732-1", source: { name: "DSA" } }]);
  assert.equal(both.ratings[0].severity, "critical");
  assert.equal(both.ratings[0].method, "CVSSv31");
  assert.deepEqual(both.analysis, { state: "in_triage", response: ["update"] });
  assert.equal(both.affects.length, 2);
  assert.deepEqual(unfixed.analysis, {
    state: "in_triage",
    response: ["will_not_fix"],
    detail: "The distribution's verdict: ignored (unimportant).",
  });
  assert.equal("ratings" in unfixed, false);
});

test("formatCycloneDx: what could not be looked at makes the composition incomplete", async () => {
  const { vulnerabilities: _, ...unmatched } = makeReport();
  const whole = await readDocument(unmatched);
  assert.equal(whole.compositions[0].aggregate, "unknown");
  assert.equal("vulnerabilities" in whole, false);
  const partial = await readDocument({ ...unmatched, missed });
  assert.deepEqual(partial.compositions[0], { aggregate: "incomplete", assemblies: ["system"] });
  assert.deepEqual(
    partial.metadata.properties.filter(({ name }: { name: string }) => name === "casemate:missed"),
    [{ name: "casemate:missed", value: "/srv: Cannot read it: it is damaged." }],
  );
  const nothing = await readDocument({ ...unmatched, found: {} });
  assert.equal(nothing.compositions[0].aggregate, "incomplete");
});

test("formatCycloneDx: equal scans give equal documents, others another serial number", () => {
  const { serialNumber } = formatCycloneDx(makeReport());
  assert.match(String(serialNumber), /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/);
  assert.equal(formatCycloneDx(makeReport())["serialNumber"], serialNumber);
  assert.notEqual(formatCycloneDx(makeReport({ missed }))["serialNumber"], serialNumber);
});
