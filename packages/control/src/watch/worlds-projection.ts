import type { Projection } from "../facts/projection.ts";

/** The VMs as facts left them, and when each was first seen. */
export const worldsProjection: Projection = {
  name: "worlds",
  async createTables(db) {
    await db.schema
      .createTable("worlds")
      .addColumn("uuid", "text", (column) => column.primaryKey())
      .addColumn("host_id", "text", (column) => column.notNull())
      .addColumn("first_seen", "text", (column) => column.notNull())
      .addColumn("changed_at", "text", (column) => column.notNull())
      .addColumn("world", "text", (column) => column.notNull())
      .execute();
  },
  async fold(db, { kind, subject, time, body }) {
    const uuid = subject.replace(/^vm:/, "");
    switch (kind) {
      case "vm/appeared":
      case "vm/changed": {
        const world = JSON.stringify(body["world"]);
        const host_id = String(body["host"]);
        await db
          .insertInto("worlds")
          .values({ uuid, host_id, first_seen: time, changed_at: time, world })
          .onConflict((conflict) =>
            conflict.column("uuid").doUpdateSet({ host_id, changed_at: time, world }),
          )
          .execute();
        return;
      }
      case "vm/disappeared":
        await db.deleteFrom("worlds").where("uuid", "=", uuid).execute();
    }
  },
};
