import type { Projection } from "../../facts/projection.ts";

/** Snapshots that were known clean, as facts left them. */
export const cleanStatesProjection: Projection = {
  name: "clean_states",
  async createTables(db) {
    await db.schema
      .createTable("clean_states")
      .addColumn("vm_uuid", "text", (column) => column.notNull())
      .addColumn("snapshot", "text", (column) => column.notNull())
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("known_at", "text", (column) => column.notNull())
      .addColumn("looked", "integer", (column) => column.notNull())
      .addColumn("total", "integer", (column) => column.notNull())
      .addColumn("unseen", "text", (column) => column.notNull())
      .addColumn("doubted_by", "text")
      .addPrimaryKeyConstraint("clean_states_key", ["vm_uuid", "snapshot", "created_at"])
      .execute();
  },
  async fold(db, { kind, subject, time, body }) {
    if (kind !== "snapshot/known-clean" && kind !== "snapshot/doubted") return;
    const key = {
      vm_uuid: subject.replace(/^vm:/, ""),
      snapshot: String(body["snapshot"]),
      created_at: String(body["createdAt"]),
    };
    if (kind === "snapshot/known-clean") {
      await db
        .insertInto("clean_states")
        .values({
          ...{ ...key, known_at: time, doubted_by: null },
          ...{ looked: Number(body["looked"]), total: Number(body["total"]) },
          unseen: JSON.stringify(body["unseen"]),
        })
        .execute();
      return;
    }
    await db
      .updateTable("clean_states")
      .set({ doubted_by: String(body["finding"]) })
      .where("vm_uuid", "=", key.vm_uuid)
      .where("snapshot", "=", key.snapshot)
      .where("created_at", "=", key.created_at)
      .execute();
  },
};
