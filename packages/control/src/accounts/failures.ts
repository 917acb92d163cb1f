import { CasemateError } from "@casemate/core";
import type { AccountContext } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { afterFailure, isLocked, type LockOut, noFailures } from "./lock-out.ts";

/** Whose login failed, and how; `known` says whether there is such an account. */
export interface Failure {
  readonly name: string;
  readonly known: boolean;
  readonly because: "password" | "code" | "passkey";
  readonly address: string;
}

/** Throws `auth/locked` while the name is closed, whether there is such an account or not. */
export async function verifyNotLocked(context: AccountContext, name: string): Promise<void> {
  const state = await readLockOut(context, name);
  const { lockedUntil } = state;
  if (lockedUntil === null || !isLocked(state, context.now().getTime())) return;
  throw new CasemateError(
    "auth/locked",
    `Cannot log in: too many tries failed, expected none before ${new Date(lockedUntil).toISOString()}.`,
  );
}

/** Until when the name is closed; `undefined` when it is not. */
export async function readLockedUntil(
  context: AccountContext,
  name: string,
): Promise<string | undefined> {
  const state = await readLockOut(context, name);
  const { lockedUntil } = state;
  if (lockedUntil === null || !isLocked(state, context.now().getTime())) return undefined;
  return new Date(lockedUntil).toISOString();
}

/** Counts the failure and records it, and the lock if it was one too many. The queue of the name must be held. */
export async function countFailure(context: AccountContext, failure: Failure): Promise<void> {
  const { db, record, now } = context;
  const { name, known, because, address } = failure;
  const state = afterFailure(await readLockOut(context, name), now().getTime());
  // What was typed for a name that is not known may be a password: it is not written down.
  const subject = known ? name : "unknown";
  try {
    await record(accountFact("login-failed", subject, "unknown", { because, address }));
    if (state.lockedUntil !== null) {
      const until = new Date(state.lockedUntil).toISOString();
      await record(accountFact("locked", subject, "system", { until, address }));
    }
  } finally {
    // Counted even where it cannot be recorded: a full ledger is no way to guess on.
    const values = { failures: JSON.stringify(state.failures), locked_until: state.lockedUntil };
    await db
      .insertInto("lock_outs")
      .values({ key: keyOf(context, name), ...values })
      .onConflict((conflict) => conflict.column("key").doUpdateSet(values))
      .execute();
  }
}

/** As if nothing had failed: after a login, and when an owner unlocks. */
export async function forgetFailures(context: AccountContext, name: string): Promise<void> {
  await context.db.deleteFrom("lock_outs").where("key", "=", keyOf(context, name)).execute();
}

async function readLockOut(context: AccountContext, name: string): Promise<LockOut> {
  const row = await context.db
    .selectFrom("lock_outs")
    .select(["failures", "locked_until"])
    .where("key", "=", keyOf(context, name))
    .executeTakeFirst();
  if (row === undefined) return noFailures;
  const failures: unknown = JSON.parse(row.failures);
  return {
    failures: Array.isArray(failures) ? failures.filter((at) => typeof at === "number") : [],
    lockedUntil: row.locked_until,
  };
}

const keyOf = ({ secrets }: AccountContext, name: string) => secrets.pseudonym(`lock-out ${name}`);
