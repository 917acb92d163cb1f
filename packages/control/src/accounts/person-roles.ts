import { CasemateError } from "@casemate/core";
import { conflictSets, type Role } from "@casemate/policy";
import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";
import { parseRoles } from "./account.ts";
import { bootstrapPrincipal, localPrincipal } from "./principal.ts";

/**
 * Throws `policy/conflict` if `person` would hold both roles of a conflict set with `roles` on the account
 * `name`: through this account, another one, disabled ones too, or the machine itself.
 */
export async function verifyPersonRoles(
  db: Kysely<Tables>,
  person: string,
  name: string,
  roles: readonly Role[],
): Promise<void> {
  const others = await db
    .selectFrom("accounts")
    .select(["name", "roles"])
    .where("person", "=", person)
    .where("name", "!=", name)
    .execute();
  const builtIn = [localPrincipal, bootstrapPrincipal].filter((known) => known.person === person);
  const held = [
    ...roles,
    ...others.flatMap((other) => parseRoles(other.roles)),
    ...builtIn.flatMap((known) => known.roles),
  ];
  const conflict = conflictSets
    .map((set) => set.filter((role) => held.includes(role)))
    .find((both) => both.length > 1);
  if (conflict === undefined) return;
  const where = [...others.map((other) => other.name), ...builtIn.map((known) => known.account)];
  const through = where.length === 0 ? "" : `, with ${where.join(", ")}`;
  throw new CasemateError(
    "policy/conflict",
    `Cannot give ${name} the roles ${roles.join(", ")}: ${person} would be ${conflict.join(" and ")}${through}, expected at most one of them for one person.`,
  );
}
