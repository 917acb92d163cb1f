import { CasemateError } from "@casemate/core";
import { findAccountRow, parseRoles, readAccountRow } from "./account.ts";
import type { AccountContext } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { digestBearer, newBearer, newId } from "./bearer.ts";
import { type Principal, principalOf } from "./principal.ts";
import { useResolution } from "./sessions.ts";
import { retireIfDue, standingOf } from "./standing.ts";

const day = 24 * 60 * 60 * 1_000;

/** How long a token lasts unless it is told, and at most, in days. */
export const tokenDays = { standard: 90, most: 365 };

/** A token for programs, as people may see it: not its text. Times are ISO 8601. */
export interface ApiToken {
  readonly id: string;
  readonly account: string;
  readonly name: string;
  /** The actions and groups of actions it is limited to. */
  readonly scopes: readonly string[] | "all";
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly lastUsedAt: string | undefined;
}

/** A token to be issued. */
export interface ApiTokenDraft {
  readonly name: string;
  readonly scopes: readonly string[] | "all";
  readonly days?: number | undefined;
}

/** What accounts give to programs that work for them. */
export interface ApiTokens {
  /** The token and its text: the only time it is seen. Throws `account/unknown`. */
  issue(
    account: string,
    draft: ApiTokenDraft,
    actor: Principal,
  ): Promise<{ readonly token: ApiToken; readonly text: string }>;
  list(account: string): Promise<readonly ApiToken[]>;
  /** Throws `token/unknown`. */
  revoke(account: string, id: string, actor: Principal): Promise<void>;
  /** Whose token this is; `undefined` when it is unknown, over, or its account may not be used. */
  read(text: string): Promise<Principal | undefined>;
}

export function apiTokensIn(context: AccountContext): ApiTokens {
  const { db, record, now } = context;
  return {
    async issue(account, { name, scopes, days = tokenDays.standard }, actor) {
      await readAccountRow(db, account);
      const time = now();
      const id = newId();
      const { text, sha256 } = newBearer("ct_");
      const createdAt = time.toISOString();
      const expiresAt = new Date(time.getTime() + days * day).toISOString();
      const listed = scopes === "all" ? scopes : [...scopes];
      await record(
        accountFact("token-issued", account, actor.id, {
          ...{ token: id, name, scopes: listed, expiresAt },
        }),
      );
      await db
        .insertInto("api_tokens")
        .values({
          ...{ sha256, id, account, name, scopes: JSON.stringify(listed) },
          ...{ created_at: createdAt, expires_at: expiresAt, last_used_at: null },
        })
        .execute();
      const token = { id, account, name, scopes, createdAt, expiresAt, lastUsedAt: undefined };
      return { token, text };
    },

    async list(account) {
      const rows = await db
        .selectFrom("api_tokens")
        .selectAll()
        .where("account", "=", account)
        .orderBy("created_at")
        .execute();
      return rows.map((row) => ({
        id: row.id,
        account: row.account,
        name: row.name,
        scopes: parseScopes(row.scopes),
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        lastUsedAt: row.last_used_at ?? undefined,
      }));
    },

    async revoke(account, id, actor) {
      const row = await db
        .selectFrom("api_tokens")
        .select("name")
        .where("account", "=", account)
        .where("id", "=", id)
        .executeTakeFirst();
      if (row === undefined) {
        throw new CasemateError(
          "token/unknown",
          `Cannot revoke token ${id}: ${account} has none of this name.`,
        );
      }
      const { name } = row;
      await record(accountFact("token-revoked", account, actor.id, { token: id, name }));
      await db.deleteFrom("api_tokens").where("id", "=", id).execute();
    },

    async read(text) {
      const sha256 = digestBearer(text);
      const time = now();
      const at = time.toISOString();
      const token = await db
        .selectFrom("api_tokens")
        .selectAll()
        .where("sha256", "=", sha256)
        .where("expires_at", ">", at)
        .executeTakeFirst();
      if (token === undefined) return undefined;
      const row = await findAccountRow(db, token.account);
      if (row === undefined) return undefined;
      if (standingOf(row, time) !== "good") {
        await retireIfDue(context, row.name);
        return undefined;
      }
      const { last_used_at } = token;
      if (last_used_at === null || time.getTime() - Date.parse(last_used_at) >= useResolution) {
        await db
          .updateTable("api_tokens")
          .set({ last_used_at: at })
          .where("sha256", "=", sha256)
          .execute();
      }
      return principalOf({
        account: row.name,
        person: row.person,
        roles: parseRoles(row.roles),
        mfa: false,
        method: "token",
        scopes: parseScopes(token.scopes),
        credential: `token:${token.id}`,
      });
    },
  };
}

/** The scopes of a row; what is no list of texts allows nothing. */
function parseScopes(text: string): readonly string[] | "all" {
  const value: unknown = JSON.parse(text);
  if (value === "all") return "all";
  return Array.isArray(value) ? value.filter((scope) => typeof scope === "string") : [];
}
