import { CasemateError } from "@casemate/core";
import { isRole, type Role } from "@casemate/policy";
import type { Kysely, Selectable } from "kysely";
import type { Tables } from "../store/tables.ts";

/** Why an account is disabled. */
export type DisabledBecause = "by-hand" | "idle" | "expired";

/** A local account, as people may see it. Times are ISO 8601. */
export interface Account {
  readonly name: string;
  readonly person: string;
  readonly roles: readonly Role[];
  readonly createdAt: string;
  /** When a temporary account ends. */
  readonly expiresAt: string | undefined;
  readonly disabled: { readonly at: string; readonly because: DisabledBecause } | undefined;
  readonly lastLoginAt: string | undefined;
  readonly hasPassword: boolean;
  /** Whether the password is one that somebody else chose. */
  readonly passwordMustChange: boolean;
  readonly hasTotp: boolean;
}

export type AccountRow = Selectable<Tables["accounts"]>;

/** The row of `name`. Throws `account/unknown`. */
export async function readAccountRow(db: Kysely<Tables>, name: string): Promise<AccountRow> {
  const row = await findAccountRow(db, name);
  if (row !== undefined) return row;
  throw new CasemateError(
    "account/unknown",
    `Cannot find the account ${name}: there is none of this name.`,
  );
}

export async function findAccountRow(
  db: Kysely<Tables>,
  name: string,
): Promise<AccountRow | undefined> {
  return await db.selectFrom("accounts").selectAll().where("name", "=", name).executeTakeFirst();
}

export function parseAccount(row: AccountRow): Account {
  const { disabled_at: at, disabled_because: because } = row;
  return {
    name: row.name,
    person: row.person,
    roles: parseRoles(row.roles),
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    disabled: at === null ? undefined : { at, because: parseBecause(because) },
    lastLoginAt: row.last_login_at ?? undefined,
    hasPassword: row.password_hash !== null,
    passwordMustChange: row.password_must_change === 1,
    hasTotp: row.totp_sealed !== null,
  };
}

/** The roles of a row; what is no role (any more) gives no right. */
export function parseRoles(text: string): readonly Role[] {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value)
    ? value.filter((role) => typeof role === "string").filter(isRole)
    : [];
}

function parseBecause(text: string | null): DisabledBecause {
  return text === "idle" || text === "expired" ? text : "by-hand";
}
