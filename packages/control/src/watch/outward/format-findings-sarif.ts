import type { JsonObject } from "@casemate/core";
import { type Severity, techniques } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import type { FindingList } from "../../api/contract/finding.ts";

type Shown = FindingList["items"][number];

const levels: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  critical: "error",
  high: "error",
  medium: "warning",
  low: "note",
};

/** From 0 to 100: the middle of what CVSS scores of that level are, ten times. */
const ranks: Readonly<Record<Severity, number>> = { critical: 95, high: 80, medium: 55, low: 20 };

/**
 * Findings as a SARIF 2.1.0 log: detectors are its rules, and places are logical, for memory has no files.
 *
 * HOSTILE: the guest has its word in messages and names.
 */
export function formatFindingsSarif(findings: readonly Shown[], version: string): JsonObject {
  const ids = [...new Set(findings.map(({ detector }) => detector))];
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "Casemate",
            version,
            semanticVersion: version,
            rules: ids.map(describeRule),
          },
        },
        automationDetails: { id: "casemate/findings/" },
        results: findings.map((finding) => describeResult(finding, ids.indexOf(finding.detector))),
      },
    ],
  };
}

function describeRule(id: string): JsonObject {
  const detector = detectors.find((each) => each.id === id);
  return {
    id,
    shortDescription: { text: detector?.title ?? id },
    help: { text: [...(detector?.blindTo ?? [])].join(" ") || id },
    properties: { tags: ["security", ...(detector?.techniques ?? [])] },
  };
}

function describeResult(finding: Shown, ruleIndex: number): JsonObject {
  const { id, detector, severity, severityBy, title, because, vm, state, evidence } = finding;
  const known: Readonly<Record<string, string>> = techniques;
  return {
    ruleId: detector,
    ruleIndex,
    level: levels[severity],
    rank: ranks[severity],
    message: message(`${title} ${because}`),
    locations: [
      {
        logicalLocations: [
          { name: vm.name, fullyQualifiedName: `${vm.uuid}/${detector}`, kind: "resource" },
        ],
      },
    ],
    partialFingerprints: { "casemate/v1": id },
    baselineState: state === "closed" ? "absent" : "unchanged",
    ...(state === "acknowledged" ? { suppressions: [describeSuppression(finding)] } : {}),
    properties: {
      ...{ severity, severityBy, state, vm: { ...vm } },
      firstSeen: finding.firstSeen,
      lastSeen: finding.lastSeen,
      techniques: finding.techniques.map((each) => `${each} ${known[each] ?? ""}`.trim()),
      remediation: finding.remediation,
      evidence: evidence.map((each) => ({ ...each })),
    },
  };
}

function describeSuppression({ note }: Shown): JsonObject {
  return {
    kind: "external",
    status: "accepted",
    ...(note === undefined ? {} : { justification: note }),
  };
}

/**
 * A plain text message (SARIF 3.11). HOSTILE: what looks like a placeholder or a link is to be neither: braces
 * are doubled (3.11.5), and nothing stays a link (3.11.6).
 */
function message(text: string): JsonObject {
  return { text: text.replaceAll(/[{}]/g, "$&$&").replaceAll("](", "]\\(") };
}
