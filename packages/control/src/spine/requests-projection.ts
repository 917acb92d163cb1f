import type { JsonObject, JsonValue } from "@casemate/core";
import type { Fact } from "@casemate/ledger";
import type { Kysely, Updateable } from "kysely";
import type { ProjectedTables } from "../facts/projected-tables.ts";
import type { Projection } from "../facts/projection.ts";
import type { RequestState } from "./request.ts";
import type { RecordedDecision } from "./request-facts.ts";

type Requests = ProjectedTables["requests"];

const stateAfter: Readonly<Record<RecordedDecision["kind"], RequestState>> = {
  permitted: "approved",
  "needs-approval": "awaiting-approval",
  denied: "denied",
};

/** The requests, as their facts left them. */
export const requestsProjection: Projection = {
  name: "requests",
  async createTables(db) {
    await db.schema
      .createTable("requests")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("operation", "text", (column) => column.notNull())
      .addColumn("subject", "text", (column) => column.notNull())
      .addColumn("target", "text", (column) => column.notNull())
      .addColumn("account", "text", (column) => column.notNull())
      .addColumn("person", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("made_at", "text", (column) => column.notNull())
      .addColumn("changed_at", "text", (column) => column.notNull())
      .addColumn("plan", "text")
      .addColumn("plan_fact", "integer", (column) => column.notNull())
      .addColumn("plan_hash", "text", (column) => column.notNull())
      .addColumn("order_hash", "text", (column) => column.notNull())
      .addColumn("duties", "text", (column) => column.notNull())
      .addColumn("approvals", "text", (column) => column.notNull())
      .addColumn("policies", "text", (column) => column.notNull())
      .addColumn("message", "text")
      .addColumn("result", "text")
      .addColumn("end_fact", "integer")
      .addColumn("break_glass", "integer", (column) => column.notNull())
      .addColumn("origin", "text")
      .execute();
    await db.schema
      .createIndex("requests_by_state")
      .on("requests")
      .columns(["state", "made_at"])
      .execute();
  },
  async fold(db, fact) {
    switch (fact.kind) {
      case "request/made":
        return await insert(db, fact);
      case "request/replanned":
        return await update(db, fact, {
          plan: sealedJson(fact, "plan"),
          plan_fact: fact.index,
          plan_hash: text(fact, "planHash"),
          approvals: "[]",
          ...decided(fact),
        });
      case "request/approved":
        return await approve(db, fact);
      case "request/closed":
        return await update(db, fact, {
          state: text(fact, "closing"),
          end_fact: fact.index,
          message: sealedText(fact, "message"),
        });
      case "operation/intended":
        return await update(db, fact, { state: "running" });
      case "operation/ended":
        return await update(db, fact, {
          state: text(fact, "outcome"),
          end_fact: fact.index,
          message: sealedText(fact, "message"),
          result: sealedJson(fact, "result"),
        });
      case "ledger/redacted":
        return await redact(db, Number(fact.body["index"]), fact.body["names"]);
    }
  },
};

async function insert(db: Kysely<ProjectedTables>, fact: Fact): Promise<void> {
  await db
    .insertInto("requests")
    .values({
      id: text(fact, "request"),
      operation: text(fact, "operation"),
      subject: fact.subject,
      target: JSON.stringify(fact.body["target"]),
      account: fact.actor.replace(/^account:/, ""),
      person: text(fact, "person"),
      made_at: fact.time,
      changed_at: fact.time,
      plan: sealedJson(fact, "plan"),
      plan_fact: fact.index,
      plan_hash: text(fact, "planHash"),
      order_hash: text(fact, "orderHash"),
      approvals: "[]",
      result: null,
      end_fact: null,
      break_glass: fact.body["breakGlass"] === true ? 1 : 0,
      origin: fact.body["origin"] === undefined ? null : JSON.stringify(fact.body["origin"]),
      ...decided(fact),
    })
    .execute();
}

/** What a decision leaves in the row. */
function decided(fact: Fact): Pick<Requests, "state" | "duties" | "policies" | "message"> {
  const decision = fact.body["decision"] as unknown as RecordedDecision; // `requestFacts` wrote it so
  return {
    state: stateAfter[decision.kind],
    duties: JSON.stringify(decision.duties),
    policies: JSON.stringify(decision.policies),
    message: decision.because,
  };
}

async function approve(db: Kysely<ProjectedTables>, fact: Fact): Promise<void> {
  const row = await db
    .selectFrom("requests")
    .select("approvals")
    .where("id", "=", text(fact, "request"))
    .executeTakeFirstOrThrow();
  const before: JsonValue[] = JSON.parse(row.approvals);
  const given = fact.body["approval"] as JsonObject; // `requestFacts` wrote it so
  await update(db, fact, {
    approvals: JSON.stringify([...before, { ...given, at: fact.time }]),
    ...decided(fact),
  });
}

/** What was taken out of a fact is not kept here either. */
async function redact(
  db: Kysely<ProjectedTables>,
  fact: number,
  names: JsonValue | undefined,
): Promise<void> {
  const gone = Array.isArray(names) ? names : [];
  if (gone.includes("plan")) {
    await db.updateTable("requests").set({ plan: null }).where("plan_fact", "=", fact).execute();
  }
  for (const column of ["message", "result"] as const) {
    if (!gone.includes(column)) continue;
    await db
      .updateTable("requests")
      .set({ [column]: null })
      .where("end_fact", "=", fact)
      .execute();
  }
}

async function update(
  db: Kysely<ProjectedTables>,
  fact: Fact,
  set: Updateable<Requests>,
): Promise<void> {
  await db
    .updateTable("requests")
    .set({ ...set, changed_at: fact.time })
    .where("id", "=", text(fact, "request"))
    .execute();
}

function text(fact: Fact, key: string): string {
  return String(fact.body[key]);
}

/** Null where it was not there, or was redacted. */
function sealedText(fact: Fact, key: string): string | null {
  const value = fact.sealed?.[key];
  return typeof value === "string" ? value : null;
}

function sealedJson(fact: Fact, key: string): string | null {
  const value = fact.sealed?.[key];
  return value === undefined ? null : JSON.stringify(value);
}
