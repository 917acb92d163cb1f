import { createHash, randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";
import { isScope, type Permission, type Scope, scopes } from "./permission.ts";

/** Who is asking: the token's label and what it allows. */
export interface Principal {
  readonly label: string;
  readonly permissions: ReadonlySet<Permission>;
}

/** The tokens that open the API. Only their SHA-256 is kept: 256 random bits need no slower hash. */
export interface Tokens {
  /** Makes a token in place of an earlier one of the same label, and returns its text: the only time it is seen. */
  issue(label: string, scope: Scope, expiresAt?: Date): Promise<string>;
  has(label: string): Promise<boolean>;
  revoke(label: string): Promise<void>;
  /** Whose token this is; `undefined` when it is unknown or has expired. */
  read(text: string): Promise<Principal | undefined>;
}

export function tokensIn(db: Kysely<Tables>): Tokens {
  return {
    async issue(label, scope, expiresAt) {
      const text = `cm_${randomBytes(32).toString("base64url")}`;
      await db.transaction().execute(async (transaction) => {
        await transaction.deleteFrom("tokens").where("label", "=", label).execute();
        await transaction
          .insertInto("tokens")
          .values({
            sha256: digest(text),
            label,
            scope,
            created_at: new Date().toISOString(),
            expires_at: expiresAt?.toISOString() ?? null,
          })
          .execute();
      });
      return text;
    },

    async has(label) {
      const row = await db
        .selectFrom("tokens")
        .select("label")
        .where("label", "=", label)
        .executeTakeFirst();
      return row !== undefined;
    },

    async revoke(label) {
      await db.deleteFrom("tokens").where("label", "=", label).execute();
    },

    async read(text) {
      // Looked up by digest: how long that takes tells nothing about any token's text.
      const row = await db
        .selectFrom("tokens")
        .select(["label", "scope", "expires_at"])
        .where("sha256", "=", digest(text))
        .executeTakeFirst();
      if (row === undefined || !isScope(row.scope)) return undefined;
      if (row.expires_at !== null && row.expires_at <= new Date().toISOString()) return undefined;
      return { label: row.label, permissions: new Set<Permission>(scopes[row.scope]) };
    },
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
