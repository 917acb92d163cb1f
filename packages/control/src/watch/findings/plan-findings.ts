import type { JsonValue } from "@casemate/core";
import type { DataClass, Severity, Suspicion, Verdict } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import { canonicalJson, type FactDraft } from "@casemate/ledger";
import type { VmResource } from "../../spine/gate.ts";
import { type Finding, findingId } from "./finding.ts";
import { findingFacts, type Told } from "./finding-facts.ts";

/** How bad a suspicion is on this VM, and who says so. */
export interface Judgement {
  readonly severity: Severity;
  readonly severityBy: string;
  readonly because: string | undefined;
}

/** Says how bad a detector's suspicion is on a VM. */
export type Judge = (vm: VmResource, detector: string, suspicion: Suspicion) => Judgement;

/** As bad as its detector says. */
export const asDetected: Judge = (_vm, _detector, { severity }) => ({
  ...{ severity, severityBy: "detector", because: undefined },
});

/** What one sweep over a VM brought. */
export interface Swept {
  readonly vm: VmResource;
  readonly verdicts: readonly Verdict[];
  readonly at: Date;
}

/** What is known of the VM before a sweep's verdicts are written down. */
export interface Known {
  /** The findings that are not closed, and those of the sweep's suspicions. */
  readonly findings: ReadonlyMap<string, Finding>;
  /** How many were raised in the last hour. */
  readonly recent: number;
  readonly judge: Judge;
}

/** How often it is written down that a finding is still there, in milliseconds. */
const SEEN_EVERY = 10 * 60_000;
/** HOSTILE: a guest can make suspicions as it likes; so many of a VM are told one by one in an hour. */
export const MOST_RAISED = 200;
/** HOSTILE: what came back once may come and go with each sweep: it is closed when it was away so long, in milliseconds. */
const AWAY = 30 * 60_000;

/** The facts that follow from a sweep, and how many suspicions there is no room for. */
export function planFindings(
  { vm, verdicts, at }: Swept,
  { findings, recent, judge }: Known,
): { readonly drafts: readonly FactDraft[]; readonly untold: number } {
  const drafts: FactDraft[] = [];
  const still: string[] = [];
  const present = new Set<string>();
  let room = MOST_RAISED - recent;
  let untold = 0;
  for (const { detector, suspicions } of verdicts) {
    for (const suspicion of suspicions) {
      const id = findingId(vm.uuid, detector, suspicion.key);
      if (present.has(id)) continue;
      present.add(id);
      const told = { ...describe(vm, detector, suspicion, id), ...judge(vm, detector, suspicion) };
      const before = findings.get(id);
      if (before === undefined) {
        room -= 1;
        if (room < 0) untold += 1;
        else drafts.push(findingFacts.raised(told));
      } else {
        const draft = follow(before, told, at);
        if (draft === "still there") still.push(id);
        else if (draft !== undefined) drafts.push(draft);
      }
    }
  }
  if (still.length > 0) drafts.push(findingFacts.seen(vm, still));
  const gone = [...findings.values()].filter(
    (each) => !present.has(each.id) && isGone(each, verdicts, at),
  );
  return { drafts: [...drafts, ...gone.map(({ id }) => findingFacts.gone(vm, id))], untold };
}

function describe(vm: VmResource, detector: string, suspicion: Suspicion, finding: string) {
  const needs: readonly DataClass[] = detectors.find(({ id }) => id === detector)?.needs ?? [];
  return { finding, vm, detector, needs, suspicion };
}

/** What seeing it again comes to; nothing where it was written down a moment ago. */
function follow(before: Finding, told: Told, at: Date): FactDraft | "still there" | undefined {
  if (before.state === "closed") return findingFacts.reopened(told, "seen again");
  const until = before.acknowledged?.until;
  if (until !== undefined && until <= at.toISOString()) {
    return findingFacts.reopened(told, "acknowledgement expired");
  }
  const { severity, severityBy } = told;
  if (before.severity !== severity || before.severityBy !== severityBy) {
    return findingFacts.changed(told);
  }
  // HOSTILE: the guest can have its words change with every sweep.
  if (at.getTime() - Date.parse(before.lastSeen) < SEEN_EVERY) return undefined;
  const draft = findingFacts.changed(told);
  return isSame(before, draft) ? "still there" : draft;
}

function isSame({ details }: Finding, { sealed }: FactDraft): boolean {
  if (details === undefined) return false;
  const before = details as unknown as JsonValue; // it came out of a fact
  return canonicalJson(before) === canonicalJson(sealed?.["details"] ?? null);
}

/** Whether its detector looked at everything and did not see it. What could not be looked at is not clean. */
function isGone(finding: Finding, verdicts: readonly Verdict[], at: Date): boolean {
  if (finding.state === "closed") return false;
  // Another check may have been given something else: it tells nothing of what it did not look for.
  const detector = detectors.find(({ id }) => id === finding.detector);
  if (detector?.given !== undefined) return false;
  const { reopenedAt, lastSeen } = finding;
  if (reopenedAt !== undefined && at.getTime() - Date.parse(lastSeen) < AWAY) return false;
  return verdicts.some(
    ({ detector: id, verdict, missed, consistency }) =>
      id === finding.detector &&
      verdict !== "inconclusive" &&
      missed.length === 0 &&
      consistency !== "torn",
  );
}
