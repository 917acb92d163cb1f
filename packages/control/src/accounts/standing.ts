import { CasemateError } from "@casemate/core";
import { type AccountRow, type DisabledBecause, findAccountRow } from "./account.ts";
import type { AccountContext } from "./account-context.ts";
import { changes } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";

const day = 24 * 60 * 60 * 1_000;

/** DISA STIG, AC-2 (3): an account that nobody logged in to for this long is disabled. In milliseconds. */
export const idleLimit = 35 * day;

/** Whether an account may be used, or why not. */
export type Standing = "good" | DisabledBecause;

export function standingOf(row: AccountRow, now: Date): Standing {
  if (row.disabled_at !== null) {
    const because = row.disabled_because;
    return because === "idle" || because === "expired" ? because : "by-hand";
  }
  if (row.expires_at !== null && row.expires_at <= now.toISOString()) return "expired";
  return now.getTime() - Date.parse(row.idle_since) > idleLimit ? "idle" : "good";
}

/** Disables the account if its time is over, and records that it was time that did so. */
export async function retireIfDue(context: AccountContext, name: string): Promise<void> {
  await context.queue(changes, async () => {
    const row = await findAccountRow(context.db, name);
    if (row === undefined || row.disabled_at !== null) return;
    const standing = standingOf(row, context.now());
    if (standing === "good") return;
    await disableRow(context, row, standing, "system");
  });
}

/** Writes the disabling of a row, with every session of it ended; `changes` must be held. */
export async function disableRow(
  { db, record, now }: AccountContext,
  { name }: AccountRow,
  because: DisabledBecause,
  actor: string,
): Promise<void> {
  await record(accountFact("disabled", name, actor, { because }));
  const at = now().toISOString();
  await db.transaction().execute(async (transaction) => {
    await transaction
      .updateTable("accounts")
      .set({ disabled_at: at, disabled_because: because })
      .where("name", "=", name)
      .execute();
    await transaction.deleteFrom("sessions").where("account", "=", name).execute();
  });
}

/** Throws `account/disabled` unless the account may be used; called only for who has proved to be its owner. */
export async function verifyStanding(context: AccountContext, row: AccountRow): Promise<void> {
  const standing = standingOf(row, context.now());
  if (standing === "good") return;
  await retireIfDue(context, row.name);
  const words = {
    "by-hand": "it was disabled",
    idle: `nobody logged in for ${idleLimit / day} days`,
    expired: "it was temporary and has ended",
  } as const;
  throw new CasemateError(
    "account/disabled",
    `Cannot log in as ${row.name}: ${words[standing]}, expected an account that is enabled.`,
  );
}
