import { CasemateError } from "@casemate/core";
import type { Role } from "@casemate/policy";
import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";
import { type AccountRow, parseRoles } from "./account.ts";
import type { AccountContext } from "./account-context.ts";
import type { Principal } from "./principal.ts";

/** Set when a security officer logs in for the first time, and never taken back. */
const staffed = "accounts/officer-was-there";

/** What handing out roles is to the policy: it takes two persons as soon as a second one can be asked. */
export async function readAppointingAction(
  db: Kysely<Tables>,
): Promise<"account.establish" | "account.appoint"> {
  const row = await db
    .selectFrom("settings")
    .select("key")
    .where("key", "=", staffed)
    .executeTakeFirst();
  return row === undefined ? "account.establish" : "account.appoint";
}

/** Writes down that a security officer was there, if `row` is one's. */
export async function noteOfficer(db: Kysely<Tables>, row: AccountRow, at: string): Promise<void> {
  if (!parseRoles(row.roles).includes("security-officer")) return;
  await db
    .insertInto("settings")
    .values({ key: staffed, value: at })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Throws `account/needs-appointment` where `actor` may not give `name` these roles without another person. */
export async function verifyMayGive(
  { db, mayAppoint }: AccountContext,
  actor: Principal,
  name: string,
  given: readonly Role[],
): Promise<void> {
  if (given.length === 0 || mayAppoint(actor, await readAppointingAction(db))) return;
  throw new CasemateError(
    "account/needs-appointment",
    `Cannot give ${name} the roles ${given.join(", ")}: ${actor.label} may not do that alone, expected a security officer's approval.`,
  );
}

/**
 * Throws `account/needs-appointment` where `actor` would get a way into an account of another person that has
 * roles: that is as good as having the roles.
 */
export async function verifyMayOpen(
  { db, mayAppoint }: AccountContext,
  actor: Principal,
  { name, person, roles: text }: AccountRow,
): Promise<void> {
  const roles = parseRoles(text);
  if (roles.length === 0 || actor.person === person) return;
  if (mayAppoint(actor, await readAppointingAction(db))) return;
  throw new CasemateError(
    "account/needs-appointment",
    `Cannot set how ${name} logs in: it has the roles ${roles.join(", ")}, and ${actor.label} could use them; expected an account without roles.`,
    {
      next: `Take its roles away first with \`casemate account roles ${name}\`, and ask for them again when its person has logged in.`,
    },
  );
}
