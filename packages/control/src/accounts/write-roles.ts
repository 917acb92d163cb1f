import type { Role } from "@casemate/policy";
import type { Transaction } from "kysely";
import type { Tables } from "../store/tables.ts";
import { parseRoles, readAccountRow } from "./account.ts";
import type { AccountContext } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { verifyPersonRoles } from "./person-roles.ts";

/**
 * Gives an account these roles and no others; `changes` must be held.
 *
 * Throws `account/unknown`, `policy/conflict`.
 */
export async function writeRoles(
  context: AccountContext,
  name: string,
  roles: readonly Role[],
  actor: string,
): Promise<void> {
  const { db, record } = context;
  const { person, roles: text } = await readAccountRow(db, name);
  await verifyPersonRoles(db, person, name, roles);
  const change = { roles: [...roles], before: [...parseRoles(text)] };
  await record(accountFact("roles-changed", name, actor, change));
  const endBootstrap = await recordBootstrapEnd(context, roles, actor);
  await db.transaction().execute(async (transaction) => {
    await transaction
      .updateTable("accounts")
      .set({ roles: JSON.stringify(roles) })
      .where("name", "=", name)
      .execute();
    await endBootstrap(transaction);
  });
}

/** The bootstrap token serves until there is an owner: records its end, and returns what writes it. */
export async function recordBootstrapEnd(
  { db, record }: AccountContext,
  roles: readonly Role[],
  actor: string,
): Promise<(transaction: Transaction<Tables>) => Promise<void>> {
  const row = await db
    .selectFrom("tokens")
    .select("label")
    .where("label", "=", "bootstrap")
    .executeTakeFirst();
  if (row === undefined || !roles.includes("owner")) return async () => {};
  await record(accountFact("bootstrap-revoked", "bootstrap", actor));
  return async (transaction) => {
    await transaction.deleteFrom("tokens").where("label", "=", "bootstrap").execute();
  };
}
