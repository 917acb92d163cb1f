import { randomBytes } from "node:crypto";
import { CasemateError } from "@casemate/core";
import { roles as everyRole, type Role } from "@casemate/policy";
import { type Account, parseAccount, readAccountRow } from "./account.ts";
import { type AccountContext, changes } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { verifyMayGive, verifyMayOpen } from "./appointing.ts";
import { forgetFailures } from "./failures.ts";
import { hashPassword, verifyPasswordPolicy } from "./password.ts";
import { verifyPersonRoles } from "./person-roles.ts";
import type { Principal } from "./principal.ts";
import { disableRow } from "./standing.ts";
import { recordBootstrapEnd, writeRoles } from "./write-roles.ts";

/** An account to be made. */
export interface AccountDraft {
  readonly name: string;
  /** Who it is for: the same text for every account of one person. */
  readonly person: string;
  readonly roles: readonly Role[];
  readonly password?: string | undefined;
  /** Whether it ends after 72 hours. */
  readonly temporary?: boolean | undefined;
}

/** Names that facts use for who has no account. */
const reserved = ["local", "bootstrap", "system", "unknown", "anybody"];

/** How an account may be called, and how a person is named: lower case, so that one is not written in two ways. */
export const namePattern = "^[a-z][a-z0-9._-]{0,63}$";
export const personPattern = "^[a-z0-9][a-z0-9._@+-]{0,127}$";

/** How long a temporary account lasts (DISA STIG, AC-2 (2)), in milliseconds. */
const temporaryFor = 72 * 60 * 60 * 1_000;

/** The accounts, and what may be done to them. Every change is recorded before it is written. */
export interface Accounts {
  /** Throws `account/exists`, `account/weak-password`, `account/needs-appointment`, `policy/conflict`. */
  create(draft: AccountDraft, actor: Principal): Promise<Account>;
  list(): Promise<readonly Account[]>;
  /** Throws `account/unknown`, as all that follow. */
  read(name: string): Promise<Account>;
  /** Throws `policy/conflict`, and `account/needs-appointment` for what it does not have yet. */
  setRoles(name: string, roles: readonly Role[], actor: Principal): Promise<Account>;
  /** Throws `policy/conflict` where its person may not have these roles on it. */
  verifyRoles(name: string, roles: readonly Role[]): Promise<void>;
  /** As `setRoles`, once it has been approved; nothing changes after `verify` has seen the account. */
  appoint(
    name: string,
    roles: readonly Role[],
    actor: string,
    verify: () => Promise<void>,
  ): Promise<Account>;
  /** Ends every session of it, too. */
  disable(name: string, actor: Principal): Promise<Account>;
  /** Counts idle days anew; a temporary account lasts another 72 hours. */
  enable(name: string, actor: Principal): Promise<Account>;
  /** Forgets failed logins. */
  unlock(name: string, actor: Principal): Promise<Account>;
  /**
   * Gives it a password that its owner must change, and ends its sessions. Throws `account/weak-password`, and
   * `account/needs-appointment` where it has roles.
   */
  resetPassword(name: string, password: string, actor: Principal): Promise<Account>;
}

export function accountsIn(context: AccountContext): Accounts {
  const { db, record, queue, now } = context;

  const read = async (name: string) => parseAccount(await readAccountRow(db, name));

  /** One change of an account that is there. */
  const change = async (name: string, work: (account: Account) => Promise<void>) =>
    await queue(changes, async () => {
      await work(await read(name));
      return await read(name);
    });

  return {
    read,

    async list() {
      const rows = await db.selectFrom("accounts").selectAll().orderBy("name").execute();
      return rows.map(parseAccount);
    },

    create: async ({ name, person, roles: given, password, temporary = false }, actor) => {
      const roles = inOrder(given);
      if (password !== undefined) verifyPasswordPolicy(password, name, person);
      const password_hash = password === undefined ? null : await hashPassword(password);
      return await queue(changes, async () => {
        await verifyNew(context, name);
        await verifyMayGive(context, actor, name, roles);
        await verifyPersonRoles(db, person, name, roles);
        const created = now();
        const created_at = created.toISOString();
        const expires_at = temporary
          ? new Date(created.getTime() + temporaryFor).toISOString()
          : null;
        const itsOwn = actor.method === "bootstrap" || actor.person === person;
        await record(
          accountFact("created", name, actor.id, {
            ...{ person, roles: [...roles], expiresAt: expires_at },
            hasPassword: password !== undefined,
          }),
        );
        const endBootstrap = await recordBootstrapEnd(context, roles, actor.id);
        await db.transaction().execute(async (transaction) => {
          await transaction
            .insertInto("accounts")
            .values({
              ...{ name, person, roles: JSON.stringify(roles), created_at, expires_at },
              ...{ disabled_at: null, disabled_because: null, idle_since: created_at },
              ...{ last_login_at: null, password_hash, totp_sealed: null, totp_step: null },
              password_must_change: password === undefined || itsOwn ? 0 : 1,
              user_handle: randomBytes(32).toString("base64url"),
            })
            .execute();
          await endBootstrap(transaction);
        });
        return await read(name);
      });
    },

    setRoles: (name, given, actor) =>
      change(name, async (account) => {
        const roles = inOrder(given);
        const more = roles.filter((role) => !account.roles.includes(role));
        await verifyMayGive(context, actor, name, more);
        await writeRoles(context, name, roles, actor.id);
      }),

    async verifyRoles(name, roles) {
      const { person } = await read(name);
      await verifyPersonRoles(db, person, name, roles);
    },

    appoint: (name, given, actor, verify) =>
      change(name, async () => {
        await verify();
        await writeRoles(context, name, inOrder(given), actor);
      }),

    disable: (name, actor) =>
      change(name, async () => {
        await disableRow(context, await readAccountRow(db, name), "by-hand", actor.id);
      }),

    enable: (name, actor) =>
      change(name, async ({ expiresAt }) => {
        const time = now();
        const expires_at =
          expiresAt === undefined ? null : new Date(time.getTime() + temporaryFor).toISOString();
        await record(accountFact("enabled", name, actor.id, { expiresAt: expires_at }));
        const idle_since = time.toISOString();
        await db
          .updateTable("accounts")
          .set({ disabled_at: null, disabled_because: null, idle_since, expires_at })
          .where("name", "=", name)
          .execute();
      }),

    unlock: (name, actor) =>
      change(name, async () => {
        await record(accountFact("unlocked", name, actor.id));
        await forgetFailures(context, name);
      }),

    resetPassword: async (name, password, actor) => {
      const { person } = await read(name);
      verifyPasswordPolicy(password, name, person);
      const password_hash = await hashPassword(password);
      return await change(name, async () => {
        await verifyMayOpen(context, actor, await readAccountRow(db, name));
        const itsOwn = actor.person === person;
        await record(accountFact("password-set", name, actor.id, { mustChange: !itsOwn }));
        await db.transaction().execute(async (transaction) => {
          await transaction
            .updateTable("accounts")
            .set({ password_hash, password_must_change: itsOwn ? 0 : 1 })
            .where("name", "=", name)
            .execute();
          await transaction.deleteFrom("sessions").where("account", "=", name).execute();
        });
      });
    },
  };
}

async function verifyNew({ db }: AccountContext, name: string): Promise<void> {
  const row = await db
    .selectFrom("accounts")
    .select("name")
    .where("name", "=", name)
    .executeTakeFirst();
  if (row === undefined && !reserved.includes(name)) return;
  throw new CasemateError(
    "account/exists",
    `Cannot create the account ${name}: ${row === undefined ? "Casemate uses this name itself" : "there is one"}, expected a new name.`,
  );
}

/** Each role once, in the order of the list of all. */
function inOrder(given: readonly Role[]): readonly Role[] {
  return everyRole.filter((role) => given.includes(role));
}
