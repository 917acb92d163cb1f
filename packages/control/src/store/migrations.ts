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
  "0003-accounts": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable("accounts")
        .addColumn("name", "text", (column) => column.primaryKey())
        .addColumn("person", "text", (column) => column.notNull())
        .addColumn("roles", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("expires_at", "text")
        .addColumn("disabled_at", "text")
        .addColumn("disabled_because", "text")
        .addColumn("idle_since", "text", (column) => column.notNull())
        .addColumn("last_login_at", "text")
        .addColumn("password_hash", "text")
        .addColumn("password_must_change", "integer", (column) => column.notNull())
        .addColumn("totp_sealed", "text")
        .addColumn("totp_step", "integer")
        .addColumn("user_handle", "text", (column) => column.notNull().unique())
        .execute();
      await db.schema
        .createTable("passkeys")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("account", "text", (column) => column.notNull().references("accounts.name"))
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("public_key", "text", (column) => column.notNull())
        .addColumn("counter", "integer", (column) => column.notNull())
        .addColumn("transports", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("last_used_at", "text")
        .execute();
      await db.schema
        .createTable("identities")
        .addColumn("issuer", "text", (column) => column.notNull())
        .addColumn("subject", "text", (column) => column.notNull())
        .addColumn("account", "text", (column) => column.notNull().references("accounts.name"))
        .addColumn("created_at", "text", (column) => column.notNull())
        .addPrimaryKeyConstraint("identities_key", ["issuer", "subject"])
        .execute();
      await db.schema
        .createTable("sessions")
        .addColumn("sha256", "text", (column) => column.primaryKey())
        .addColumn("id", "text", (column) => column.notNull().unique())
        .addColumn("account", "text", (column) => column.notNull().references("accounts.name"))
        .addColumn("method", "text", (column) => column.notNull())
        .addColumn("mfa", "integer", (column) => column.notNull())
        .addColumn("address", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("last_used_at", "text", (column) => column.notNull())
        .addColumn("expires_at", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("api_tokens")
        .addColumn("sha256", "text", (column) => column.primaryKey())
        .addColumn("id", "text", (column) => column.notNull().unique())
        .addColumn("account", "text", (column) => column.notNull().references("accounts.name"))
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("scopes", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("expires_at", "text", (column) => column.notNull())
        .addColumn("last_used_at", "text")
        .execute();
      await db.schema
        .createTable("lock_outs")
        .addColumn("key", "text", (column) => column.primaryKey())
        .addColumn("failures", "text", (column) => column.notNull())
        .addColumn("locked_until", "integer")
        .execute();
    },
  },
  "0004-approvals": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable("approval_keys")
        .addColumn("account", "text", (column) => column.primaryKey())
        .addColumn("public_key", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("break_glass_codes")
        .addColumn("sha256", "text", (column) => column.primaryKey())
        .addColumn("sealed_at", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("break_glass_uses")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("used_at", "text", (column) => column.notNull())
        .addColumn("account", "text", (column) => column.notNull())
        .addColumn("person", "text", (column) => column.notNull())
        .addColumn("request_id", "text", (column) => column.notNull())
        .addColumn("reason", "text", (column) => column.notNull())
        .addColumn("reviewed_at", "text")
        .addColumn("reviewed_by", "text")
        .addColumn("note", "text")
        .execute();
    },
  },
  "0005-scanned-states": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable("package_inventories")
        .addColumn("sha256", "text", (column) => column.primaryKey())
        .addColumn("contents", "text", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("scanned_states")
        .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
        .addColumn("host_id", "text", (column) => column.notNull())
        .addColumn("vm_uuid", "text", (column) => column.notNull())
        .addColumn("resource", "text", (column) => column.notNull())
        .addColumn("snapshot", "text")
        .addColumn("first_at", "text", (column) => column.notNull())
        .addColumn("last_at", "text", (column) => column.notNull())
        .addColumn("inventory", "text", (column) =>
          column.notNull().references("package_inventories.sha256"),
        )
        .addColumn("missed", "integer", (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex("scanned_states_of")
        .on("scanned_states")
        .columns(["host_id", "vm_uuid", "snapshot"])
        .execute();
    },
  },
  "0006-package-uses": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.alterTable("scanned_states").addColumn("uses", "text").execute();
    },
  },
};
