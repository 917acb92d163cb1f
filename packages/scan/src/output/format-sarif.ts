import { createHash } from "node:crypto";
import type { JsonObject } from "@casemate/core";
import type { SeverityLevel } from "../advisories/severity.ts";
import type { Missed } from "../missed.ts";
import { describeUncovered } from "./describe-gaps.ts";
import type { Finding } from "./finding.ts";
import { findingOfVulnerability } from "./finding-of-vulnerability.ts";
import type { ScanReport } from "./scan-report.ts";

const SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";
/** What paths of files begin at: the root of the scanned system's tree, which is nowhere on this host. */
const ROOT = "SYSTEM";

/**
 * What a scan found as a SARIF 2.1.0 log: vulnerabilities, secrets, malware and changed files as results, by
 * rules, at their paths in the system.
 *
 * What could not be looked at is a notification, and the execution not successful; where nothing was looked
 * for there are no `results` at all, which is not that there are none. HOSTILE: the guest names files.
 */
export function formatSarif(report: ScanReport): JsonObject {
  const { subject, takenAt, version, missed, vulnerabilities, findings } = report;
  const wasAsked = vulnerabilities !== undefined || findings !== undefined;
  const all = [
    ...(vulnerabilities?.findings ?? []).map(findingOfVulnerability),
    ...(findings ?? []),
  ];
  const rules = rulesOf(all);
  const order = new Map([...rules.keys()].map((id, index) => [id, index]));
  const uncovered = (vulnerabilities?.uncovered ?? []).map(describeUncovered);
  const notifications = [
    ...missed.map(notification),
    ...uncovered.map((text) => ({ level: "warning", message: message(text) })),
  ];
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "Casemate",
            version,
            semanticVersion: version,
            rules: Array.from(rules.values(), describeRule),
            notifications: [...new Set(missed.map(({ code }) => code))].map((id) => ({ id })),
          },
        },
        automationDetails: { id: `casemate/scan/${subject}` },
        invocations: [
          {
            executionSuccessful: notifications.length === 0,
            startTimeUtc: takenAt.toISOString(),
            toolExecutionNotifications: notifications,
          },
        ],
        originalUriBaseIds: {
          [ROOT]: { description: { text: "The root of the scanned system's tree." } },
        },
        ...(wasAsked ? { results: all.map((finding) => describeResult(finding, order)) } : {}),
      },
    ],
  };
}

/** Every rule once, with the worst of its findings. */
function rulesOf(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  const rules = new Map<string, Finding>();
  for (const finding of findings) {
    const worst = rules.get(finding.rule.id);
    if (worst === undefined || rankOf(finding) > rankOf(worst)) rules.set(finding.rule.id, finding);
  }
  return rules;
}

function describeRule(worst: Finding): JsonObject {
  const { kind, rule, severity } = worst;
  return {
    id: rule.id,
    shortDescription: { text: rule.title },
    ...(rule.help === undefined ? {} : { help: { text: rule.help } }),
    defaultConfiguration: { level: levels[severity] },
    properties: {
      tags: ["security", kind],
      // What code hosts order findings by, as text.
      ...(severity === "unknown" ? {} : { "security-severity": (rankOf(worst) / 10).toFixed(1) }),
    },
  };
}

function describeResult(finding: Finding, order: ReadonlyMap<string, number>): JsonObject {
  const { kind, rule, severity, path, line, details = {} } = finding;
  return {
    ruleId: rule.id,
    ruleIndex: order.get(rule.id) ?? -1,
    level: levels[severity],
    ...(severity === "unknown" ? {} : { rank: rankOf(finding) }),
    message: message(finding.message),
    locations: [
      {
        physicalLocation: {
          artifactLocation: place(path),
          ...(line === undefined ? {} : { region: { startLine: line } }),
        },
      },
    ],
    partialFingerprints: { "casemate/v1": fingerprintOf(finding) },
    properties: { kind, severity, ...details },
  };
}

/** The same for the same finding in the next scan, when its line or the package's version is another. */
function fingerprintOf({ kind, rule, path, identity }: Finding): string {
  const parts = JSON.stringify([kind, rule.id, path, ...identity]);
  return createHash("sha256").update(parts).digest("hex");
}

function notification({ what, code, reason }: Missed): JsonObject {
  return {
    level: "error",
    descriptor: { id: code },
    message: message(`${what}: ${reason}`),
    // Other things that are missed are volumes and collectors.
    ...(what.startsWith("/")
      ? { locations: [{ physicalLocation: { artifactLocation: place(what) } }] }
      : {}),
  };
}

/** A path of the system's tree as a relative reference (RFC 3986, 4.2). */
function place(path: string): JsonObject {
  const segments = path.split("/").filter((segment) => segment !== "");
  const uri = segments.map((segment) => encodeURIComponent(segment.toWellFormed())).join("/");
  return { uri: uri === "" ? "./" : uri, uriBaseId: ROOT };
}

/**
 * A plain text message (3.11). HOSTILE: a file's name may look like a placeholder or a link, and is to be
 * neither: braces are doubled (3.11.5), and nothing stays a link (3.11.6).
 */
function message(text: string): JsonObject {
  return { text: text.replaceAll(/[{}]/g, "$&$&").replaceAll("](", "]\\(") };
}

const levels: Readonly<Record<SeverityLevel, "error" | "warning" | "note">> = {
  critical: "error",
  high: "error",
  medium: "warning",
  unknown: "warning",
  low: "note",
  negligible: "note",
};

/** From 0 to 100: ten times the CVSS score, or the middle of what scores of its level are. */
function rankOf({ score, severity }: Finding): number {
  return score === undefined ? ranks[severity] : Math.round(score * 10);
}

const ranks: Readonly<Record<SeverityLevel, number>> = {
  critical: 95,
  high: 80,
  medium: 55,
  unknown: 0,
  low: 20,
  negligible: 0,
};
