import type { JsonObject } from "@casemate/core";
import type { OsRelease } from "../system/os-release.ts";
import { contentUuid } from "./content-uuid.ts";
import { cycloneDxVulnerabilities } from "./cyclonedx-vulnerabilities.ts";
import { describeGaps } from "./describe-gaps.ts";
import { type DistinctPackage, distinctPackages } from "./distinct-packages.ts";
import type { ScanReport } from "./scan-report.ts";
import { systemCpe } from "./system-cpe.ts";

const SYSTEM = "system";
const OPERATING_SYSTEM = "operating-system";
/** Of `version`, in characters. */
const MAX_VERSION = 1024;

/**
 * A scan as a CycloneDX 1.6 bill of materials: the system, its operating system, its packages by their URLs,
 * and their vulnerabilities where those were looked for.
 *
 * What could not be looked at makes the composition incomplete and stands in the metadata's properties. Equal
 * scans give equal documents, serial number included. HOSTILE: the guest says what is installed.
 */
export function formatCycloneDx(report: ScanReport): JsonObject {
  const { subject, takenAt, version, os, found, coverage, vulnerabilities } = report;
  const packages = distinctPackages(found.packages ?? []);
  const references = packages.map(({ installed }) => installed.purl);
  const gaps = describeGaps(report);
  const contents = {
    version: 1,
    metadata: {
      timestamp: takenAt.toISOString(),
      tools: { components: [{ type: "application", name: "casemate", version }] },
      // "isolates software inside from software outside through virtualization technology"
      component: { type: "container", "bom-ref": SYSTEM, name: subject },
      properties: properties({
        "coverage:volumes": `${coverage.volumes.read}/${coverage.volumes.total}`,
        "coverage:bytes": `${coverage.bytes.read}/${coverage.bytes.total}`,
        missed: gaps,
      }),
    },
    components: [...(os === undefined ? [] : [systemComponent(os)]), ...packages.map(component)],
    // What packages depend on each other is not known: they have no entries of their own.
    dependencies: [
      { ref: SYSTEM, dependsOn: [...(os === undefined ? [] : [OPERATING_SYSTEM]), ...references] },
    ],
    compositions: [
      {
        // Never "complete": nobody can know that nothing was installed past the package managers.
        aggregate: gaps.length > 0 || found.packages === undefined ? "incomplete" : "unknown",
        assemblies: [SYSTEM],
      },
      ...(references.length === 0 ? [] : [{ aggregate: "unknown", dependencies: references }]),
    ],
    ...(vulnerabilities === undefined
      ? {}
      : {
          vulnerabilities: cycloneDxVulnerabilities(
            vulnerabilities.findings,
            new Set(references),
            SYSTEM,
          ),
        }),
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${contentUuid(contents)}`,
    ...contents,
  };
}

function systemComponent(os: OsRelease): JsonObject {
  const cpe = systemCpe(os);
  return {
    type: "operating-system",
    "bom-ref": OPERATING_SYSTEM,
    name: os.id,
    ...(os.versionId === undefined ? {} : { version: os.versionId.slice(0, MAX_VERSION) }),
    ...(os.prettyName === undefined ? {} : { description: os.prettyName }),
    ...(cpe === undefined ? {} : { cpe }),
  };
}

function component({ installed, from, partOf }: DistinctPackage): JsonObject {
  const { type, name, version, architecture, source, purl } = installed;
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version: version.slice(0, MAX_VERSION),
    purl,
    properties: properties({
      "package:type": type,
      "package:architecture": architecture,
      "package:source": source?.name,
      "package:sourceVersion": source?.version,
      "package:partOf": [...partOf],
    }),
    evidence: { occurrences: Array.from(from, (location) => ({ location })) },
  };
}

/** Properties in Casemate's own name space, one for each of a list's values. */
function properties(
  values: Readonly<Record<string, string | readonly string[] | undefined>>,
): readonly { readonly name: string; readonly value: string }[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const list = value === undefined ? [] : typeof value === "string" ? [value] : value;
    return list.map((each) => ({ name: `casemate:${name}`, value: each }));
  });
}
