import { scoreCvss } from "./score-cvss.ts";

/** From none to the worst. */
export const severityLevels = [
  "unknown",
  "negligible",
  "low",
  "medium",
  "high",
  "critical",
] as const;
export type SeverityLevel = (typeof severityLevels)[number];

/** How bad it is, and who says so. */
export interface Severity {
  readonly level: SeverityLevel;
  /** CVSS base score, 0 to 10, where there is one. */
  readonly score?: number;
  /** The CVSS vector. */
  readonly vector?: string;
  /** `cvss`, or the distribution or database whose word it is. */
  readonly source: string;
}

/** The severity of a CVSS vector, version 2 or 3; `undefined` for others. */
export function severityOfVector(vector: string): Severity | undefined {
  const score = scoreCvss(vector);
  return score === undefined
    ? undefined
    : { level: levelOfScore(score), score, vector, source: "cvss" };
}

/** CVSS 3.1, 5, "Qualitative Severity Rating Scale". */
function levelOfScore(score: number): SeverityLevel {
  if (score >= 9) return "critical";
  if (score >= 7) return "high";
  if (score >= 4) return "medium";
  return score > 0 ? "low" : "negligible";
}

/** A level by the word that distributions and databases use for it; `undefined` where it says nothing. */
export function levelOfWord(word: string): SeverityLevel | undefined {
  return words[word.toLowerCase().replace(/\*+$/, "")];
}

const words: Readonly<Record<string, SeverityLevel>> = {
  critical: "critical",
  high: "high",
  important: "high",
  medium: "medium",
  moderate: "medium",
  low: "low",
  negligible: "negligible",
  unimportant: "negligible",
};

export const isWorse = (a: Severity, b: Severity) =>
  severityLevels.indexOf(a.level) > severityLevels.indexOf(b.level);
