import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Advisory } from "./advisory.ts";
import { type FeedFormat, readFeed } from "./read-feed.ts";

/** Records in OSV's form, one of each kind of ecosystem and of each way to say what is affected. */
export const osvRecords = [
  {
    schema_version: "1.7.0",
    id: "GHSA-aaaa-bbbb-cccc",
    aliases: ["CVE-2024-10001"],
    published: "2024-03-01T10:00:00Z",
    modified: "2024-03-02T10:00:00Z",
    severity: [{ type: "CVSS_V3", score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
    database_specific: { severity: "HIGH" },
    affected: [
      {
        package: { ecosystem: "npm", name: "left-lib" },
        ranges: [
          {
            type: "SEMVER",
            events: [
              { introduced: "0" },
              { fixed: "1.4.2" },
              { introduced: "2.0.0-rc.1" },
              { fixed: "2.1.0" },
            ],
          },
        ],
      },
      {
        package: { ecosystem: "Maven", name: "org.example:left" },
        ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }] }],
      },
    ],
  },
  {
    id: "PYSEC-2024-1",
    aliases: ["CVE-2024-10002", "GHSA-dddd-eeee-ffff"],
    published: "2024-04-01T00:00:00Z",
    affected: [
      {
        package: { ecosystem: "PyPI", name: "Right_Lib" },
        ranges: [
          { type: "GIT", repo: "r", events: [{ introduced: "0" }, { fixed: "abc" }] },
          { type: "ECOSYSTEM", events: [{ introduced: "3.0" }, { last_affected: "3.2" }] },
        ],
        versions: ["3.0", "3.0.1", "1.0b2"],
      },
    ],
  },
  {
    id: "GHSA-dddd-eeee-ffff",
    aliases: ["CVE-2024-10002"],
    published: "2024-03-28T00:00:00Z",
    database_specific: { severity: "MODERATE" },
    affected: [
      {
        package: { ecosystem: "PyPI", name: "right-lib" },
        ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "3.0" }, { fixed: "3.2.1" }] }],
      },
    ],
  },
  {
    id: "GO-2024-0001",
    aliases: ["CVE-2024-10003"],
    affected: [
      {
        package: { ecosystem: "Go", name: "stdlib" },
        ranges: [
          {
            type: "SEMVER",
            events: [
              { introduced: "0" },
              { fixed: "1.21.8" },
              { introduced: "1.22.0-0" },
              { fixed: "1.22.1" },
            ],
          },
        ],
      },
    ],
  },
  {
    id: "DSA-9001-1",
    upstream: ["CVE-2024-10004", "CVE-2024-10005"],
    published: "2024-05-01T00:00:00Z",
    affected: [
      {
        package: { ecosystem: "Debian:12", name: "tlslib" },
        ranges: [
          { type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "1:3.0.11-1~deb12u2" }] },
        ],
        ecosystem_specific: { urgency: "not yet assigned" },
      },
    ],
  },
  {
    id: "ALPINE-CVE-2024-10006",
    upstream: ["CVE-2024-10006"],
    affected: [
      {
        package: { ecosystem: "Alpine:v3.20", name: "boxbin" },
        ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "1.36.1-r29" }] }],
      },
    ],
  },
  {
    id: "RLSA-2024:1",
    upstream: ["CVE-2024-10007"],
    affected: [
      {
        package: { ecosystem: "Rocky Linux:9", name: "tlslib-libs" },
        ranges: [
          { type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "1:3.0.7-25.el9_3" }] },
        ],
      },
    ],
  },
  {
    id: "GHSA-gone-gone-gone",
    withdrawn: "2024-01-01T00:00:00Z",
    affected: [{ package: { ecosystem: "npm", name: "left-lib" }, versions: ["1.0.0"] }],
  },
];

/** Debian's tracker in its form: each of its states once. */
export const debianTracker = {
  tlslib: {
    "CVE-2024-10004": {
      scope: "remote",
      releases: {
        bookworm: { status: "resolved", fixed_version: "1:3.0.11-1~deb12u2", urgency: "high" },
        trixie: { status: "resolved", fixed_version: "0", urgency: "not yet assigned" },
      },
    },
    "CVE-2024-10005": {
      releases: { bookworm: { status: "resolved", fixed_version: "0", urgency: "medium" } },
    },
    "CVE-2024-10010": { releases: { bookworm: { status: "open", urgency: "low" } } },
    "CVE-2024-10011": {
      releases: {
        bookworm: { status: "open", urgency: "low", nodsa: "Minor issue", nodsa_reason: "" },
      },
    },
    "CVE-2024-10012": {
      releases: { bookworm: { status: "open", nodsa: "Too intrusive", nodsa_reason: "ignored" } },
    },
    "CVE-2024-10013": { releases: { bookworm: { status: "undetermined" } } },
    "CVE-2024-10014": { releases: { bookworm: { status: "open", urgency: "unimportant" } } },
    "CVE-2024-10015": { releases: { bookworm: { status: "as yet unheard of" } } },
  },
  'other \\" {name': { "TEMP-0000001-ABCDEF": { releases: { sid: { status: "open" } } } },
};

/** Everything that a feed says. */
export async function readAll(format: FeedFormat, path: string) {
  const advisories: Advisory[] = [];
  let skipped = 0;
  for await (const part of readFeed(format, path)) {
    advisories.push(...part.advisories);
    skipped += part.skipped;
  }
  return { advisories, skipped };
}

/** The records as OSV publishes them: an archive made by Python's own zipfile. */
export function writeOsvZip(
  directory: string,
  records: readonly { readonly id: string }[],
): string {
  const place = join(directory, "records");
  mkdirSync(place, { recursive: true });
  for (const record of records)
    writeFileSync(join(place, `${record.id}.json`), JSON.stringify(record));
  const path = join(directory, "all.zip");
  const script = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
  const made = spawnSync("/usr/bin/python3", ["-c", script, path.replace(/\.zip$/, ""), place]);
  if (made.status !== 0) throw new Error(String(made.stderr));
  return path;
}
