import { isNonEmpty, type NonEmpty } from "@casemate/core";
import {
  type Evidence,
  type Suspicion,
  severities,
  type TechniqueId,
  techniques,
  type Verdict,
} from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import type { Unfit } from "../confined/parse-row.ts";
import { parserThatThrows, type ValueParser } from "../confined/parse-values.ts";

const limits = { suspicions: 200, missed: 1_000, evidence: 1_000, lines: 1_000 };

const detectorIds: readonly string[] = detectors.map(({ id }) => id);
// The keys are all there are.
const techniqueIds = Object.keys(techniques) as readonly TechniqueId[];
const evidenceTexts = ["address", "expected", "seen", "expectedBytes", "seenBytes"] as const;

/** A detector's verdict as a checked value. HOSTILE: the inspector may be in a guest's hands. Throws `unfit`. */
export function parseVerdict(value: unknown, unfit: Unfit): Verdict {
  const parse = parserThatThrows(unfit);
  const { detector, verdict, suspicions, missed, coverage, consistency, ...cost } =
    parse.record(value);
  const { looked, total } = parse.record(coverage);
  return {
    detector: parse.word(detector, detectorIds),
    verdict: parse.word(verdict, ["clean", "suspicious", "inconclusive"]),
    suspicions: parse
      .list(suspicions, limits.suspicions)
      .map((each) => parseSuspicion(parse.record(each), parse, unfit)),
    missed: parse.list(missed, limits.missed).map((each) => {
      const { what, reason } = parse.record(each);
      return { what: parse.text(what), reason: parse.text(reason) };
    }),
    coverage: { looked: parse.number(looked), total: parse.number(total) },
    consistency: parse.word(consistency, ["consistent", "retried", "torn"]),
    looks: parse.number(cost["looks"]),
    steps: parse.number(cost["steps"]),
    milliseconds: parse.number(cost["milliseconds"]),
  };
}

function parseSuspicion(
  {
    key,
    title,
    severity,
    because,
    techniques: ids,
    evidence,
    remediation,
  }: Record<string, unknown>,
  parse: ValueParser,
  unfit: Unfit,
): Suspicion {
  return {
    key: parse.text(key),
    title: parse.text(title),
    severity: parse.word(severity, severities),
    because: parse.text(because),
    techniques: nonEmpty(
      parse.list(ids, limits.lines).map((id) => parse.word(id, techniqueIds)),
      unfit,
    ),
    evidence: nonEmpty(
      parse.list(evidence, limits.evidence).map((each) => parseEvidence(parse.record(each), parse)),
      unfit,
    ),
    remediation: parse.text(remediation),
  };
}

function parseEvidence(
  { what, disassembly, path, ...others }: Readonly<Record<string, unknown>>,
  parse: ValueParser,
): Evidence {
  const lines = (value: unknown) => parse.list(value, limits.lines).map(parse.text);
  const texts = evidenceTexts.flatMap(
    (name) => (others[name] === undefined ? [] : [[name, parse.text(others[name])] as const]), // a pair
  );
  return {
    what: parse.text(what),
    ...Object.fromEntries(texts),
    ...(disassembly === undefined ? {} : { disassembly: lines(disassembly) }),
    ...(path === undefined ? {} : { path: lines(path) }),
  };
}

function nonEmpty<T>(items: readonly T[], unfit: Unfit): NonEmpty<T> {
  if (!isNonEmpty(items)) throw unfit("an empty list");
  return items;
}
