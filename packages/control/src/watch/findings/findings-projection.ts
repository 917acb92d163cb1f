import type { Fact } from "@casemate/ledger";
import type { Kysely, Updateable } from "kysely";
import type { ProjectedTables } from "../../facts/projected-tables.ts";
import type { Projection } from "../../facts/projection.ts";

type Findings = ProjectedTables["findings"];

/** The findings, as their facts left them. */
export const findingsProjection: Projection = {
  name: "findings",
  async createTables(db) {
    await db.schema
      .createTable("findings")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("vm_uuid", "text", (column) => column.notNull())
      .addColumn("vm", "text", (column) => column.notNull())
      .addColumn("detector", "text", (column) => column.notNull())
      .addColumn("needs", "text", (column) => column.notNull())
      .addColumn("severity", "text", (column) => column.notNull())
      .addColumn("severity_by", "text", (column) => column.notNull())
      .addColumn("because", "text")
      .addColumn("techniques", "text", (column) => column.notNull())
      .addColumn("details", "text")
      .addColumn("details_fact", "integer", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("first_seen", "text", (column) => column.notNull())
      .addColumn("last_seen", "text", (column) => column.notNull())
      .addColumn("changed_at", "text", (column) => column.notNull())
      .addColumn("reopened_at", "text")
      .addColumn("opened_by", "integer", (column) => column.notNull())
      .addColumn("acknowledged", "text")
      .addColumn("closed", "text")
      .addColumn("note", "text")
      .addColumn("note_fact", "integer")
      .execute();
    await db.schema
      .createIndex("findings_of_vm")
      .on("findings")
      .columns(["vm_uuid", "state"])
      .execute();
  },
  async fold(db, fact) {
    const { index, time, actor, body } = fact;
    switch (fact.kind) {
      case "finding/raised":
        await db
          .insertInto("findings")
          .values({
            ...told(fact),
            id: String(body["finding"]),
            vm_uuid: fact.subject.replace(/^vm:/, ""),
            first_seen: time,
            reopened_at: null,
            opened_by: index,
            ...opened,
          })
          .execute();
        return;
      case "finding/changed":
        return await update(db, fact, told(fact));
      case "finding/reopened":
        return await update(db, fact, {
          ...told(fact),
          reopened_at: time,
          opened_by: index,
          ...opened,
        });
      case "finding/seen":
        await db
          .updateTable("findings")
          .set({ last_seen: time })
          .where("id", "in", body["findings"] as string[]) // `findingFacts` wrote it so
          .execute();
        return;
      case "finding/acknowledged":
        return await update(db, fact, {
          state: "acknowledged",
          acknowledged: JSON.stringify({ by: actor, until: body["until"] }),
          ...noted(fact),
        });
      case "finding/closed":
        return await update(db, fact, {
          state: "closed",
          acknowledged: null,
          closed: JSON.stringify({ by: actor, because: body["because"] }),
          ...noted(fact),
        });
      case "ledger/redacted":
        return await redact(db, Number(body["index"]), body["names"]);
    }
  },
};

const opened = {
  ...{ state: "open", acknowledged: null, closed: null },
  ...{ note: null, note_fact: null },
};

/** What a detector's telling leaves in the row. */
function told({ index, time, subject, body, sealed }: Fact) {
  const details = sealed?.["details"];
  const vm = { kind: "vm", uuid: subject.replace(/^vm:/, ""), ...Object(body["vm"]) };
  return {
    vm: JSON.stringify(vm),
    detector: String(body["detector"]),
    needs: JSON.stringify(body["needs"]),
    severity: String(body["severity"]),
    severity_by: String(body["severityBy"]),
    because: typeof body["because"] === "string" ? body["because"] : null,
    techniques: JSON.stringify(body["techniques"]),
    details: details === undefined ? null : JSON.stringify(details),
    details_fact: index,
    last_seen: time,
    changed_at: time,
  };
}

/** What a person said; null where it was not there, or was redacted. */
function noted({ index, sealed }: Fact): Pick<Findings, "note" | "note_fact"> {
  const note = sealed?.["note"];
  return { note: typeof note === "string" ? note : null, note_fact: index };
}

async function update(
  db: Kysely<ProjectedTables>,
  fact: Fact,
  set: Updateable<Findings>,
): Promise<void> {
  await db
    .updateTable("findings")
    .set({ ...set, changed_at: fact.time })
    .where("id", "=", String(fact.body["finding"]))
    .execute();
}

/** What was taken out of a fact is not kept here either. */
async function redact(db: Kysely<ProjectedTables>, fact: number, names: unknown): Promise<void> {
  const gone: readonly unknown[] = Array.isArray(names) ? names : [];
  for (const column of ["details", "note"] as const) {
    if (!gone.includes(column)) continue;
    await db
      .updateTable("findings")
      .set({ [column]: null })
      .where(`${column}_fact`, "=", fact)
      .execute();
  }
}
