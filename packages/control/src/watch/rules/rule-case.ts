import { CasemateError } from "@casemate/core";
import { severities } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import { type Static, Type } from "typebox";
import { judgeByRules } from "./judge-by-rules.ts";
import { describeRuleProblem } from "./load-rules.ts";
import { parseYaml } from "./parse-yaml.ts";
import type { RuleFile, RuleSet } from "./rule.ts";

const closed = { additionalProperties: false } as const;
const Texts = Type.Array(Type.String());
const Level = Type.Enum([...severities]);

const Case = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    finding: Type.Object(
      {
        detector: Type.String(),
        key: Type.Optional(Type.String()),
        title: Type.Optional(Type.String()),
        because: Type.Optional(Type.String()),
        severity: Type.Optional(Level),
        techniques: Type.Optional(Texts),
      },
      closed,
    ),
    vm: Type.Optional(
      Type.Object(
        {
          uuid: Type.Optional(Type.String()),
          name: Type.Optional(Type.String()),
          host: Type.Optional(Type.String()),
          networks: Type.Optional(Texts),
          labels: Type.Optional(Texts),
        },
        closed,
      ),
    ),
    expect: Type.Object(
      {
        severity: Level,
        by: Type.Optional(Type.String()),
        responses: Type.Optional(
          Type.Array(Type.String({ description: "`rule: response`, in any order." })),
        ),
      },
      closed,
    ),
  },
  closed,
);

const CaseFileContent = Type.Object({ cases: Type.Array(Case) }, closed);

/** What rules are expected to make of a finding. */
export type RuleCase = Static<typeof Case> & { readonly file: string };

/** A case that was run. */
export interface RuleCaseResult {
  readonly case: RuleCase;
  readonly passed: boolean;
  /** One line for each thing that is not as expected. */
  readonly differences: readonly string[];
}

/** The cases of the files. Throws `rule/invalid`, also for a detector that there is not. */
export function parseRuleCases(files: readonly RuleFile[]): readonly RuleCase[] {
  return files.flatMap((file) => {
    const parsed = parseYaml(file, CaseFileContent);
    if (!("value" in parsed)) {
      const [first] = parsed;
      throw invalid(file, first === undefined ? "" : describeRuleProblem(first));
    }
    return parsed.value.cases.map((each, index) => {
      const { detector } = each.finding;
      if (detectors.every(({ id }) => id !== detector)) {
        const place = `${file.name}:${parsed.lineOf(["cases", index])}`;
        throw invalid(file, `${place}: there is no detector ${detector}`);
      }
      return { ...each, file: file.name };
    });
  });
}

/** Puts the case to the rules and compares; what is left out of it is the plainest there is. */
export function runRuleCase(each: RuleCase, rules: RuleSet): RuleCaseResult {
  const { finding, vm = {}, expect } = each;
  const detected = finding.severity ?? "high";
  const judged = judgeByRules(
    rules,
    {
      finding: { ...plainFinding, ...finding, severity: detected },
      vm: { ...plainVm, ...vm },
    },
    detected,
  );
  const differences = judged.failed.map(({ rule, reason }) => `rule ${rule.name}: ${reason}`);
  const compare = (what: string, expected: string, was: string) => {
    if (expected !== was) differences.push(`${what}: expected ${expected}, was ${was}`);
  };
  compare("severity", expect.severity, judged.severity);
  const by = judged.severityBy?.name ?? "detector";
  if (expect.by !== undefined) compare("severity by", expect.by, by);
  if (expect.responses !== undefined) {
    const was = judged.respond.flatMap((rule) =>
      rule.respond.map(({ response }) => `${rule.name}: ${response}`),
    );
    compare("responses", describe(expect.responses), describe(was));
  }
  return { case: each, passed: differences.length === 0, differences };
}

const plainFinding = { key: "key", title: "Something.", because: "It is so.", techniques: [] };
const plainVm = { uuid: "uuid", name: "vm", host: "host", networks: [], labels: [] };

function describe(each: readonly string[]): string {
  return each.length === 0 ? "none" : each.toSorted().join(", ");
}

function invalid({ name }: RuleFile, sentence: string): CasemateError {
  return new CasemateError("rule/invalid", `Cannot use the cases of ${name}: ${sentence}.`);
}
