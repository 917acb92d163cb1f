import type { Severity } from "@casemate/inspect";
import type { FindingSubject } from "./condition.ts";
import type { Rule, RuleSet } from "./rule.ts";

/** What the rules say of one finding. */
export interface RuleJudgement {
  readonly severity: Severity;
  /** The rule that says so; undefined where the detector does. */
  readonly severityBy: Rule | undefined;
  /** The rules that have something done about it. */
  readonly respond: readonly Rule[];
  /** Rules whose condition could not be told, and why: they do not count. */
  readonly failed: readonly { readonly rule: Rule; readonly reason: string }[];
}

/** What rules say: the first with a severity decides that, and each has done what it wants. */
export function judgeByRules(
  { rules }: RuleSet,
  subject: FindingSubject,
  detected: Severity,
): RuleJudgement {
  const failed: { readonly rule: Rule; readonly reason: string }[] = [];
  const holding = rules.filter((rule) => {
    try {
      return rule.when.holds(subject);
    } catch (thrown) {
      const [reason = ""] = (thrown instanceof Error ? thrown.message : String(thrown)).split("\n");
      failed.push({ rule, reason });
      return false;
    }
  });
  const severityBy = holding.find(({ severity }) => severity !== undefined);
  return {
    severity: severityBy?.severity ?? detected,
    severityBy,
    respond: holding.filter(({ respond }) => respond.length > 0),
    failed,
  };
}
