import type { Projection } from "../../facts/projection.ts";
import { EVIDENCE_SEALED } from "./check-evidence.ts";

/** Bundles of evidence, as they were sealed. */
export const evidenceProjection: Projection = {
  name: "evidence",
  async createTables(db) {
    await db.schema
      .createTable("evidence")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("vm", "text", (column) => column.notNull())
      .addColumn("at", "text", (column) => column.notNull())
      .addColumn("actor", "text", (column) => column.notNull())
      .addColumn("classes", "text", (column) => column.notNull())
      .addColumn("findings", "text", (column) => column.notNull())
      .addColumn("memory", "integer", (column) => column.notNull())
      .addColumn("manifest", "text", (column) => column.notNull())
      .addColumn("fact", "integer", (column) => column.notNull())
      .execute();
  },
  async fold(db, { kind, index, time, actor, subject, body }) {
    if (kind !== EVIDENCE_SEALED) return;
    const vm = { kind: "vm", uuid: subject.replace(/^vm:/, ""), ...Object(body["vm"]) };
    const row = {
      ...{ vm: JSON.stringify(vm), at: time, actor, fact: index },
      classes: JSON.stringify(body["classes"]),
      findings: JSON.stringify(body["findings"]),
      memory: body["memory"] === true ? 1 : 0,
      manifest: String(body["manifest"]),
    };
    await db
      .insertInto("evidence")
      .values({ id: String(body["evidence"]), ...row })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
      .execute();
  },
};
