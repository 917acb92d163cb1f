import { CasemateError } from "@casemate/core";
import type { Severity } from "@casemate/inspect";
import type { Fact, FactDraft } from "@casemate/ledger";
import type { Kysely, Selectable } from "kysely";
import type { Principal } from "../../accounts/principal.ts";
import type { FactLog } from "../../facts/fact-log.ts";
import type { ProjectedTables } from "../../facts/projected-tables.ts";
import { keyedQueue } from "../../keyed-queue.ts";
import { type Finding, type FindingState, findingId, findingStates } from "./finding.ts";
import { findingFacts } from "./finding-facts.ts";
import { type Judge, planFindings, type Swept } from "./plan-findings.ts";

/** Which findings to list. */
export interface FindingFilter {
  readonly states?: readonly FindingState[];
  /** A VM's UUID. */
  readonly vm?: string;
  readonly detector?: string;
  readonly severities?: readonly Severity[];
  /** A technique of ATT&CK: `T1014`. */
  readonly technique?: string;
}

/** What a sweep's verdicts came to. */
export interface Observed {
  /** How many suspicions were too many to be told one by one. */
  readonly untold: number;
}

/** Everything that was ever found, and what became of it. */
export interface Findings {
  /** The one with this id, or whose id alone begins so. Throws `finding/unknown`. */
  get(id: string): Promise<Finding>;
  /** The last seen first. */
  list(filter?: FindingFilter): Promise<readonly Finding[]>;
  /** Writes down what a sweep found, and what it found gone. Throws what recording throws. */
  observe(swept: Swept): Promise<Observed>;
  /**
   * Says that it is known, until then: it is open again if it is still seen after that.
   *
   * Throws `finding/unknown`, `finding/not-open`.
   */
  acknowledge(
    id: string,
    by: Principal,
    word: { readonly until: string; readonly note: string },
  ): Promise<Finding>;
  /** Says that it is dealt with: it is open again if it is seen again. Throws `finding/unknown`, `finding/not-open`. */
  close(id: string, by: Principal, note: string): Promise<Finding>;
}

/** What is asked for at once: SQLite takes so many parameters, and more. */
const AT_ONCE = 500;

/** `judge` says how bad a suspicion is; `onChange` hears of each fact about one, and how the finding is then. */
export function findingsIn(
  db: Kysely<ProjectedTables>,
  facts: FactLog,
  judge: Judge,
  onChange: (fact: Fact, finding: Finding) => void,
): Findings {
  /** What is known of a VM is not changed by two at once. */
  const inTurn = keyedQueue();

  const find = async (id: string): Promise<Finding> => {
    const rows = await db
      .selectFrom("findings")
      .selectAll()
      .where("id", ">=", id)
      .where("id", "<", `${id}g`) // hexadecimal digits end at f
      .limit(2)
      .execute();
    const [row] = rows;
    if (row !== undefined && rows.length === 1) return asFinding(row);
    const seen = row === undefined ? "there is none" : "more than one begins so";
    throw new CasemateError("finding/unknown", `Cannot find finding ${id}: ${seen}.`);
  };

  const record = async (draft: FactDraft): Promise<void> => {
    const fact = await facts.record(draft);
    const { finding } = draft.body;
    if (typeof finding === "string") onChange(fact, await find(finding));
  };

  const knownOf = async ({ vm, verdicts, at }: Swept) => {
    const ids = verdicts.flatMap(({ detector, suspicions }) =>
      suspicions.map(({ key }) => findingId(vm.uuid, detector, key)),
    );
    const rows = await db
      .selectFrom("findings")
      .selectAll()
      .where("vm_uuid", "=", vm.uuid)
      .where("state", "!=", "closed")
      .execute();
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const some = ids.slice(from, from + AT_ONCE);
      const closed = db.selectFrom("findings").selectAll().where("state", "=", "closed");
      rows.push(...(await closed.where("id", "in", some).execute()));
    }
    const { count } = await db
      .selectFrom("findings")
      .select((table) => table.fn.countAll<number>().as("count"))
      .where("vm_uuid", "=", vm.uuid)
      .where("first_seen", ">", new Date(at.getTime() - 3_600_000).toISOString())
      .executeTakeFirstOrThrow();
    return { findings: new Map(rows.map((row) => [row.id, asFinding(row)])), recent: count };
  };

  /** One person's word on a finding that is not closed. */
  const decide = async (id: string, draftOf: (finding: Finding) => FactDraft) => {
    const named = await find(id);
    return await inTurn(named.vm.uuid, async () => {
      const finding = await find(named.id);
      if (finding.state === "closed") {
        throw new CasemateError(
          "finding/not-open",
          `Cannot decide about finding ${finding.id}: it is closed, expected it to be open.`,
        );
      }
      await record(draftOf(finding));
      return await find(finding.id);
    });
  };

  return {
    get: find,
    async list({ states = findingStates, vm, detector, severities, technique } = {}) {
      let query = db
        .selectFrom("findings")
        .selectAll()
        .where("state", "in", [...states]);
      if (vm !== undefined) query = query.where("vm_uuid", "=", vm);
      if (detector !== undefined) query = query.where("detector", "=", detector);
      if (severities !== undefined) query = query.where("severity", "in", [...severities]);
      const rows = await query.orderBy("last_seen", "desc").orderBy("id").execute();
      const found = rows.map(asFinding);
      if (technique === undefined) return found;
      return found.filter(({ techniques }) => techniques.some((each) => each === technique));
    },
    observe: (swept) =>
      inTurn(swept.vm.uuid, async () => {
        const { drafts, untold } = planFindings(swept, { ...(await knownOf(swept)), judge });
        await Promise.all(drafts.map(record));
        return { untold };
      }),
    acknowledge: (id, by, word) =>
      decide(id, (finding) => findingFacts.acknowledged(finding.vm, finding.id, by, word)),
    close: (id, by, note) =>
      decide(id, (finding) => findingFacts.closed(finding.vm, finding.id, by, note)),
  };
}

/** The projection wrote the row: its JSON and its words are what this reads. */
function asFinding(row: Selectable<ProjectedTables["findings"]>): Finding {
  const parse = (json: string | null) => (json === null ? undefined : JSON.parse(json));
  return {
    id: row.id,
    vm: JSON.parse(row.vm),
    detector: row.detector,
    needs: JSON.parse(row.needs),
    severity: row.severity as Severity, // see above
    severityBy: row.severity_by,
    because: row.because ?? undefined,
    techniques: JSON.parse(row.techniques),
    details: parse(row.details),
    state: row.state as FindingState, // see above
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    changedAt: row.changed_at,
    reopenedAt: row.reopened_at ?? undefined,
    acknowledged: parse(row.acknowledged),
    closed: parse(row.closed),
    note: row.note ?? undefined,
    openedBy: row.opened_by,
  };
}
