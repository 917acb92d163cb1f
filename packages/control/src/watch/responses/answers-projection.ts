import type { Fact } from "@casemate/ledger";
import type { Kysely } from "kysely";
import type { ProjectedTables } from "../../facts/projected-tables.ts";
import type { Projection } from "../../facts/projection.ts";

/** What rules did about findings, as facts left it. */
export const answersProjection: Projection = {
  name: "responses",
  async createTables(db) {
    await db.schema
      .createTable("responses")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("finding", "text", (column) => column.notNull())
      .addColumn("rule", "text", (column) => column.notNull())
      .addColumn("response", "text", (column) => column.notNull())
      .addColumn("operation", "text")
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("at", "text", (column) => column.notNull())
      .addColumn("decision", "text")
      .addColumn("steps", "text")
      .addColumn("message", "text")
      .addColumn("fact", "integer", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("responses_to").on("responses").column("finding").execute();
  },
  async fold(db, fact) {
    switch (fact.kind) {
      case "response/rehearsed":
        return await put(db, fact, "rehearsed");
      case "response/told":
        return await put(db, fact, "told");
      case "response/ordered":
        return await put(db, fact, "ordered");
      case "response/failed":
        return await put(db, fact, "failed");
      case "ledger/redacted": {
        const { index, names } = fact.body;
        for (const column of ["steps", "message"] as const) {
          if (!Array.isArray(names) || !names.includes(column)) continue;
          await db
            .updateTable("responses")
            .set({ [column]: null })
            .where("fact", "=", Number(index))
            .execute();
        }
      }
    }
  },
};

async function put(
  db: Kysely<ProjectedTables>,
  { index, time, body, sealed }: Fact,
  state: string,
): Promise<void> {
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  const steps = sealed?.["steps"];
  const latest = {
    state,
    decision: text(body["decision"]),
    steps: steps === undefined ? null : JSON.stringify(steps),
    message: text(sealed?.["message"]),
    fact: index,
  };
  await db
    .insertInto("responses")
    .values({
      id: String(body["response"]),
      finding: String(body["finding"]),
      rule: String(body["rule"]),
      response: String(body["does"]),
      operation: text(body["operation"]),
      at: time,
      ...latest,
    })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(latest))
    .execute();
}
