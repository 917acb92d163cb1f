import { createHash } from "node:crypto";
import type { JsonObject } from "@casemate/core";
import type { InstalledPackage } from "../packages/installed-package.ts";
import type { OsRelease } from "../system/os-release.ts";
import { contentUuid } from "./content-uuid.ts";
import { describeGaps } from "./describe-gaps.ts";
import { type DistinctPackage, distinctPackages } from "./distinct-packages.ts";
import type { ScanReport } from "./scan-report.ts";
import { systemCpe } from "./system-cpe.ts";

const DOCUMENT = "SPDXRef-DOCUMENT";
const SYSTEM = "SPDXRef-System";
const OPERATING_SYSTEM = "SPDXRef-OperatingSystem";

/**
 * A scan as an SPDX 2.3 document in JSON: the system, its operating system and its packages by their URLs.
 *
 * What could not be looked at stands in the document's comment, and the system contains NOASSERTION besides.
 * Equal scans give equal documents, name space included. HOSTILE: the guest says what is installed.
 */
export function formatSpdx(report: ScanReport): JsonObject {
  const { subject, takenAt, version, os, found } = report;
  const distinct = distinctPackages(found.packages ?? []);
  const packages = distinct.map(describePackage);
  const parts = [...(os === undefined ? [] : [describeSystem(os)]), ...packages];
  const gaps = describeGaps(report);
  const contents = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name: subject,
    creationInfo: {
      // 6.9: without fractions of a second
      created: takenAt.toISOString().replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: casemate-${version}`],
    },
    ...(gaps.length === 0 ? {} : { comment: `Not looked at:\n${gaps.join("\n")}` }),
    packages: [
      {
        SPDXID: SYSTEM,
        name: subject,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        primaryPackagePurpose: "CONTAINER",
      },
      ...parts,
    ],
    relationships: [
      { spdxElementId: DOCUMENT, relationshipType: "DESCRIBES", relatedSpdxElement: SYSTEM },
      ...parts.map(({ SPDXID }) => contains(SPDXID)),
      ...broughtAlong(distinct),
      ...(gaps.length === 0 && found.packages !== undefined ? [] : [contains("NOASSERTION")]),
    ],
  };
  return {
    ...contents,
    // 6.5: the name space of those who have no site of their own
    documentNamespace: `https://spdx.org/spdxdocs/casemate-${contentUuid(contents)}`,
  };
}

const contains = (part: string, whole = SYSTEM) => ({
  spdxElementId: whole,
  relationshipType: "CONTAINS",
  relatedSpdxElement: part,
});

/** What distributions' packages contain of languages' packages; an owner may be there for two architectures. */
function broughtAlong(packages: readonly DistinctPackage[]) {
  const owners = new Map<string, string[]>();
  for (const { installed } of packages) {
    const key = `${installed.type}/${installed.name}`;
    const known = owners.get(key);
    if (known === undefined) owners.set(key, [identify(installed)]);
    else known.push(identify(installed));
  }
  return packages.flatMap(({ installed, partOf }) =>
    [...partOf].flatMap((owner) =>
      (owners.get(owner) ?? []).map((whole) => contains(identify(installed), whole)),
    ),
  );
}

const identify = ({ type, purl }: InstalledPackage) => `SPDXRef-Package-${type}-${digest(purl)}`;

function describeSystem(os: OsRelease) {
  const cpe = systemCpe(os);
  return {
    SPDXID: OPERATING_SYSTEM,
    name: os.id,
    ...(os.versionId === undefined ? {} : { versionInfo: os.versionId }),
    ...(os.prettyName === undefined ? {} : { summary: os.prettyName }),
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    primaryPackagePurpose: "OPERATING-SYSTEM",
    ...(cpe === undefined ? {} : { externalRefs: [reference("SECURITY", "cpe23Type", cpe)] }),
  };
}

function describePackage({ installed, from }: DistinctPackage) {
  const { name, version, source, purl } = installed;
  const built = source === undefined ? "" : `built from ${source.name} ${source.version}; `;
  return {
    SPDXID: identify(installed),
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    sourceInfo: `${built}installed according to ${[...from].join(", ")}`,
    externalRefs: [reference("PACKAGE-MANAGER", "purl", purl)],
  };
}

const reference = (
  referenceCategory: "PACKAGE-MANAGER" | "SECURITY",
  referenceType: "purl" | "cpe23Type",
  referenceLocator: string,
) => ({ referenceCategory, referenceType, referenceLocator });

/** Names hold what an SPDX identifier may not (3.2.4: letters, digits, `.` and `-`). */
const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 20);
