import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCycloneDx } from "./format-cyclonedx.ts";
import { formatSpdx } from "./format-spdx.ts";
import { makeReport } from "./report.fixture.ts";
import type { ScanReport } from "./scan-report.ts";

const readDocument = (report: ScanReport) => JSON.parse(JSON.stringify(formatSpdx(report)));
const { vulnerabilities: _, ...unmatched } = makeReport();

test("formatSpdx: packages by their URLs, once each, in the system", () => {
  const { packages, relationships, creationInfo } = readDocument(unmatched);
  assert.equal(creationInfo.created, "2026-03-04T05:06:07Z");
  const [system, os, openssl] = packages;
  assert.equal(system.name, "web01.qcow2");
  assert.equal(
    os.externalRefs[0].referenceLocator,
    "cpe:2.3:o:debian:debian_linux:12:*:*:*:*:*:*:*",
  );
  assert.equal(
    openssl.sourceInfo,
    "built from openssl 3.0.11-1; installed according to /var/lib/dpkg/status",
  );
  assert.equal(packages.length, 1 + 1 + 4);
  assert.equal(new Set(packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID)).size, 6);
  assert.equal(relationships.length, 1 + 5);
});

test("formatSpdx: what could not be looked at is in the comment, and not asserted", () => {
  const missed = [{ what: "/srv", code: "disk/damaged", reason: "Cannot read it." }] as const;
  const whole = readDocument(unmatched);
  assert.equal("comment" in whole, false);
  const partial = readDocument({ ...unmatched, missed });
  assert.equal(partial.comment, "Not looked at:\n/srv: Cannot read it.");
  assert.equal(partial.relationships.at(-1).relatedSpdxElement, "NOASSERTION");
  assert.notEqual(partial.documentNamespace, whole.documentNamespace);
  const nothing = readDocument({ ...unmatched, found: {} });
  assert.equal(nothing.relationships.at(-1).relatedSpdxElement, "NOASSERTION");
});

test("formatSpdx, formatCycloneDx: what a distribution's package brought along is in it", () => {
  const [openssl, , library] = unmatched.found.packages ?? [];
  assert.ok(openssl !== undefined && library !== undefined);
  const packages = [openssl, library, { ...library, from: "/usr/x", partOf: "deb/openssl" }];
  const report = { ...unmatched, found: { packages } };
  const document = readDocument(report);
  const [, , owner, part] = document.packages;
  const own = document.relationships.filter(
    ({ spdxElementId }: { spdxElementId: string }) => spdxElementId === owner.SPDXID,
  );
  assert.deepEqual(own, [
    {
      spdxElementId: owner.SPDXID,
      relationshipType: "CONTAINS",
      relatedSpdxElement: part.SPDXID,
    },
  ]);
  const [, , component] = JSON.parse(JSON.stringify(formatCycloneDx(report))).components;
  assert.deepEqual(component.properties.at(-1), {
    name: "casemate:package:partOf",
    value: "deb/openssl",
  });
});
