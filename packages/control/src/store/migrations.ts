import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Every change the tables ever went through, in order. What stands here is never edited, only added to. */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001-first-tables": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable("hosts")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("uri", "text", (column) => column.notNull())
        .addColumn("first_seen", "text", (column) => column.notNull())
        .addColumn("last_seen", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("vms")
        .addColumn("uuid", "text", (column) => column.notNull())
        .addColumn("host_id", "text", (column) => column.notNull().references("hosts.id"))
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("state", "text", (column) => column.notNull())
        .addColumn("first_seen", "text", (column) => column.notNull())
        .addColumn("last_seen", "text", (column) => column.notNull())
        .addPrimaryKeyConstraint("vms_key", ["host_id", "uuid"])
        .execute();
      await db.schema
        .createTable("tokens")
        .addColumn("sha256", "text", (column) => column.primaryKey())
        .addColumn("label", "text", (column) => column.notNull())
        .addColumn("scope", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("expires_at", "text")
        .execute();
      await db.schema
        .createTable("settings")
        .addColumn("key", "text", (column) => column.primaryKey())
        .addColumn("value", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("inspections")
        .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
        .addColumn("at", "text", (column) => column.notNull())
        .addColumn("token_label", "text", (column) => column.notNull())
        .addColumn("vm_uuid", "text", (column) => column.notNull())
        .addColumn("vm_name", "text", (column) => column.notNull())
        .addColumn("view", "text", (column) => column.notNull())
        .addColumn("argument", "text")
        .addColumn("data_class", "text", (column) => column.notNull())
        .addColumn("outcome", "text", (column) => column.notNull())
        .execute();
    },
  },
  "0002-pauses-of-inspections": {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const column of ["pause_limit_ms", "paused_us"]) {
        await db.schema.alterTable("inspections").addColumn(column, "integer").execute();
      }
    },
  },
};
