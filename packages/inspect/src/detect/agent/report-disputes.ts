import type { NonEmpty } from "@casemate/core";
import type { Inspection } from "../detector.ts";
import type { Evidence, Severity, Suspicion } from "../suspicion.ts";
import type { Dispute, DisputeType } from "./compare-statement.ts";
import type { Interview, Said } from "./interview.ts";
import type { Memory } from "./memory.ts";

/**
 * Reports what the agent said otherwise than memory of the topics of `now`, and still does, by what memory has now.
 *
 * @param witness tells what else has a say about a thing that is disputed: the disk.
 */
export function reportDisputes(
  interview: Interview,
  now: Memory,
  inspection: Inspection,
  witness: (dispute: Dispute) => readonly Evidence[] = () => [],
): void {
  const topics = [...now.keys()];
  for (const { what, reason, count } of interview.missedOf(topics)) {
    inspection.missed(what, reason, count);
  }
  const said = interview.said.filter(({ topic }) => now.has(topic));
  for (const each of said) inspection.looked(countSubjects(each));
  const bySubject = new Map<string, Disputed[]>();
  for (const disputed of interview.disputes) {
    const { dispute, by } = disputed;
    if (!isStillSo(dispute, by, now)) continue;
    const id = `${dispute.type} ${dispute.subject?.identity ?? dispute.key}`;
    const known = bySubject.get(id);
    if (known === undefined) bySubject.set(id, [disputed]);
    else known.push(disputed);
  }
  for (const [id, [first, ...others]] of bySubject) {
    if (first === undefined) continue;
    const more = [...agreeing(first.dispute, said), ...witness(first.dispute)];
    inspection.report(suspect(id, [first, ...others], more));
  }
}

interface Disputed {
  readonly dispute: Dispute;
  readonly by: Said;
}

/** How many things both had a say about. */
function countSubjects({ before, statement }: Said): number {
  let count = statement.named.size;
  for (const key of before.subjects.keys()) {
    if (!statement.named.has(key) && statement.denies(key)) count += 1;
  }
  return count;
}

function isStillSo({ key, subject }: Dispute, { topic }: Said, now: Memory): boolean {
  return now.has(topic) && now.get(topic)?.subjects.get(key)?.identity === subject?.identity;
}

/** Who else says what of the same thing: the agent's own words may contradict each other. */
function agreeing({ key }: Dispute, all: readonly Said[]): readonly Evidence[] {
  return all.flatMap(({ source, statement }) => {
    if (!statement.named.has(key)) return [];
    return [{ what: `the agent, by ${source.via}`, seen: "names it" }];
  });
}

/** HOSTILE: what is invented has a name that the agent chose. */
function nameOf({ subject, key }: Dispute): string {
  return subject?.name ?? key.replace(/^./, (first) => first.toUpperCase());
}

const JUDGEMENTS: Readonly<
  Record<
    DisputeType,
    { readonly severity: Severity; readonly because: string; readonly says: string }
  >
> = {
  hides: {
    severity: "high",
    because:
      "Memory had it before the agent was asked and after, every time: what the agent sees of the guest, or the agent itself, was made to leave it out.",
    says: "is hidden from the guest agent, or by it",
  },
  invents: {
    severity: "medium",
    because:
      "Memory did not have it before the agent was asked nor after, every time: what the agent sees of the guest, or the agent itself, shows what is not there.",
    says: "is named by the guest agent, and is not there",
  },
  contradicts: {
    severity: "medium",
    because:
      "Memory had the same before the agent was asked and after, every time: what the agent sees of the guest, or the agent itself, was made to tell something else.",
    says: "is not as the guest agent says",
  },
};

function suspect(
  key: string,
  disputed: NonEmpty<Disputed>,
  others: readonly Evidence[],
): Suspicion {
  const [{ dispute }] = disputed;
  const { says, ...judgement } = JUDGEMENTS[dispute.type];
  const memory: Evidence = {
    what: "memory",
    ...dispute.subject?.place,
    seen: disputed.map(({ dispute: each }) => each.memory).join(", "),
  };
  const rows = disputed.map(({ dispute: each, by }) => ({
    what: `the agent, by ${by.source.via}`,
    expected: each.memory,
    seen: each.agent,
  }));
  const disputedBy = new Set(rows.map(({ what }) => what));
  return {
    key: `agent ${key}`,
    title: `${nameOf(dispute)} ${says}`,
    ...judgement,
    techniques: ["T1014", "T1564"],
    evidence: [memory, ...rows, ...others.filter(({ what }) => !disputedBy.has(what))],
    remediation:
      "Believe memory. Look at the thing from outside, at what the other detectors say of the kernel and of the agent's program, and take a snapshot with memory for evidence.",
  };
}
