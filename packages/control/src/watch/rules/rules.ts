import { type Allowances, usualAllowances } from "@casemate/inspect";
import type { FactLog } from "../../facts/fact-log.ts";
import type { VmResource } from "../../spine/gate.ts";
import type { Finding } from "../findings/finding.ts";
import type { Judge } from "../findings/plan-findings.ts";
import type { FindingSubject } from "./condition.ts";
import { judgeByRules, type RuleJudgement } from "./judge-by-rules.ts";
import { loadRules } from "./load-rules.ts";
import { namedChannels } from "./named-channels.ts";
import type { Rule, RuleSet } from "./rule.ts";

/** The rules that decide about findings, from a directory. */
export interface Rules {
  readonly directory: string;
  readonly version: string;
  readonly judge: Judge;
  /** The rules that have something done about a finding. */
  respondTo(finding: Finding): readonly Rule[];
  /** The channels that are told of a finding; undefined where no rule that acts says which. */
  channelsOf(finding: Finding): readonly string[] | undefined;
  /** The channels that rules may name. */
  readonly channels: readonly string[];
  allowancesOf(vm: VmResource): Allowances;
  /** Reads the directory again. Throws `rule/*` where anything in it is not right: then nothing changes. */
  reload(): Promise<void>;
}

/** `channels` are those that rules may have told; `onFailure` hears of rules whose condition could not be told. Throws `rule/*`. */
export async function openRules(
  directory: string,
  channels: readonly string[],
  facts: FactLog,
  onFailure: (thrown: unknown) => void,
): Promise<Rules> {
  let set = await loadRules(directory, channels);
  const record = ({ version }: RuleSet) =>
    facts.record({ kind: "rules/loaded", actor: "system", subject: "rules", body: { version } });
  await record(set);

  const ask = (subject: FindingSubject, detected: Finding["severity"]): RuleJudgement => {
    const judged = judgeByRules(set, subject, detected);
    for (const { rule, reason } of judged.failed) {
      onFailure(new Error(`rule ${rule.name} (${rule.file}:${rule.line}): ${reason}`));
    }
    return judged;
  };

  const respondTo = ({ details, detector, techniques, vm }: Finding): readonly Rule[] => {
    if (details === undefined) return [];
    const { key, title, because, severity } = details;
    const finding = { key, title, because, severity, detector, techniques };
    return ask({ finding, vm }, severity).respond;
  };

  return {
    directory,
    channels,
    get version() {
      return set.version;
    },
    judge(vm, detector, suspicion) {
      const { severity, severityBy } = ask(
        { finding: { ...suspicion, detector }, vm },
        suspicion.severity,
      );
      return {
        severity,
        severityBy: severityBy === undefined ? "detector" : `rule ${severityBy.name}`,
        because: severityBy?.because,
      };
    },
    respondTo,
    channelsOf(finding) {
      const acting = respondTo(finding).filter(({ mode }) => mode === "act");
      const named = acting.flatMap(({ respond }) => namedChannels(respond));
      return named.length === 0 ? undefined : named;
    },
    allowancesOf(vm) {
      const holding = set.allowances.filter(({ when }) => {
        try {
          return when.holds({ vm });
        } catch (thrown) {
          onFailure(thrown);
          return false;
        }
      });
      const all = [usualAllowances, ...holding];
      return {
        rawSockets: all.flatMap(({ rawSockets }) => rawSockets),
        codeMakers: all.flatMap(({ codeMakers }) => codeMakers),
      };
    },
    async reload() {
      const loaded = await loadRules(directory, channels);
      await record(loaded);
      set = loaded;
    },
  };
}
