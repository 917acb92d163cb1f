import { CasemateError } from "@casemate/core";
import { type AccountRow, findAccountRow, parseRoles } from "./account.ts";
import type { AccountContext } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { noteOfficer } from "./appointing.ts";
import { digestBearer, newBearer, newId } from "./bearer.ts";
import { type Principal, principalOf } from "./principal.ts";
import { retireIfDue, standingOf } from "./standing.ts";

const minute = 60_000;

/** How long a session lasts at most, and unused, in milliseconds. */
export const sessionLimits = { lifetime: 12 * 60 * minute, idle: 60 * minute };

/** How exactly the last use is known: a write for every request would cost more than it tells. In milliseconds. */
export const useResolution = minute;

/** How somebody logged in. */
export type LoginMethod = "password" | "passkey" | "oidc";

/** A session, as people may see it: not what opens it. Times are ISO 8601. */
export interface Session {
  readonly id: string;
  readonly account: string;
  readonly method: LoginMethod;
  readonly mfa: boolean;
  readonly address: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
}

/** A session that has just begun, with the only sight of what opens it. */
export interface NewSession {
  readonly token: string;
  readonly account: string;
  readonly expiresAt: string;
  /** Whether nothing but a new password is possible with it. */
  readonly passwordMustChange: boolean;
}

/** A login that succeeded. */
export interface Login {
  readonly row: AccountRow;
  readonly method: LoginMethod;
  readonly mfa: boolean;
  readonly address: string;
  /** What changes of the account with the login: a better hash, the step of a code. */
  readonly also?: { readonly password_hash?: string; readonly totp_step?: number };
}

/** Who is logged in. */
export interface Sessions {
  /** Records the login and begins its session. */
  begin(login: Login): Promise<NewSession>;
  /** Whose session the token opens; `undefined` when it is unknown, over, or its account may not be used. */
  read(token: string): Promise<Principal | undefined>;
  list(account: string): Promise<readonly Session[]>;
  /** Throws `session/unknown`. */
  revoke(account: string, id: string, actor: Principal): Promise<void>;
  /** Ends every session of the account but `except`; says how many. */
  revokeAll(account: string, actor: Principal, except?: string): Promise<number>;
}

export function sessionsIn(context: AccountContext): Sessions {
  const { db, record, now } = context;

  /** The instant before which an unused session is over. */
  const idleSince = () => new Date(now().getTime() - sessionLimits.idle).toISOString();

  return {
    async begin({ row, method, mfa, address, also = {} }) {
      const time = now();
      const id = newId();
      const { text, sha256 } = newBearer("cs_");
      const created_at = time.toISOString();
      const expires_at = new Date(time.getTime() + sessionLimits.lifetime).toISOString();
      const account = row.name;
      await record(
        accountFact("login-succeeded", account, `account:${account}`, {
          ...{ session: id, method, mfa, address, expiresAt: expires_at },
        }),
      );
      await db.transaction().execute(async (transaction) => {
        await transaction
          .deleteFrom("sessions")
          .where((each) =>
            each.or([
              each("expires_at", "<=", created_at),
              each("last_used_at", "<=", idleSince()),
            ]),
          )
          .execute();
        await transaction
          .insertInto("sessions")
          .values({
            ...{ sha256, id, account, method, mfa: mfa ? 1 : 0, address },
            ...{ created_at, last_used_at: created_at, expires_at },
          })
          .execute();
        await transaction
          .updateTable("accounts")
          .set({ ...also, last_login_at: created_at, idle_since: created_at })
          .where("name", "=", account)
          .execute();
        await noteOfficer(transaction, row, created_at);
      });
      const passwordMustChange = method === "password" && row.password_must_change === 1;
      return { token: text, account, expiresAt: expires_at, passwordMustChange };
    },

    async read(token) {
      const sha256 = digestBearer(token);
      const time = now();
      const at = time.toISOString();
      const session = await db
        .selectFrom("sessions")
        .selectAll()
        .where("sha256", "=", sha256)
        .where("expires_at", ">", at)
        .where("last_used_at", ">", idleSince())
        .executeTakeFirst();
      if (session === undefined) return undefined;
      const row = await findAccountRow(db, session.account);
      if (row === undefined) return undefined;
      if (standingOf(row, time) !== "good") {
        await retireIfDue(context, row.name);
        return undefined;
      }
      if (time.getTime() - Date.parse(session.last_used_at) >= useResolution) {
        await db
          .updateTable("sessions")
          .set({ last_used_at: at })
          .where("sha256", "=", sha256)
          .execute();
      }
      const mustChange = session.method === "password" && row.password_must_change === 1;
      return principalOf({
        account: row.name,
        person: row.person,
        roles: parseRoles(row.roles),
        mfa: session.mfa === 1,
        method: "session",
        scopes: mustChange ? [] : "all",
        credential: `session:${session.id}`,
      });
    },

    async list(account) {
      const rows = await db
        .selectFrom("sessions")
        .selectAll()
        .where("account", "=", account)
        .where("expires_at", ">", now().toISOString())
        .where("last_used_at", ">", idleSince())
        .orderBy("created_at")
        .execute();
      return rows.map((row) => ({
        id: row.id,
        account: row.account,
        method: parseMethod(row.method),
        mfa: row.mfa === 1,
        address: row.address,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at,
        expiresAt: row.expires_at,
      }));
    },

    async revoke(account, id, actor) {
      const row = await db
        .selectFrom("sessions")
        .select("id")
        .where("account", "=", account)
        .where("id", "=", id)
        .executeTakeFirst();
      if (row === undefined) {
        throw new CasemateError(
          "session/unknown",
          `Cannot end session ${id}: ${account} has none of this name.`,
        );
      }
      await record(accountFact("session-revoked", account, actor.id, { session: id }));
      await db.deleteFrom("sessions").where("id", "=", id).execute();
    },

    async revokeAll(account, actor, except = "") {
      const rows = await db
        .selectFrom("sessions")
        .select("id")
        .where("account", "=", account)
        .where("id", "!=", except)
        .execute();
      for (const { id } of rows) {
        await record(accountFact("session-revoked", account, actor.id, { session: id }));
      }
      const ids = rows.map(({ id }) => id);
      if (ids.length > 0) await db.deleteFrom("sessions").where("id", "in", ids).execute();
      return ids.length;
    },
  };
}

function parseMethod(text: string): LoginMethod {
  return text === "passkey" || text === "oidc" ? text : "password";
}
