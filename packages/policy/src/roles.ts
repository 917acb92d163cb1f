import { CasemateError } from "@casemate/core";

/** Every role an account can hold, in the order people read them. */
export const roles = ["operator", "security-officer", "auditor", "owner"] as const;

export type Role = (typeof roles)[number];

/** Roles of which a person holds at most one: who operates does not approve. */
export const conflictSets: readonly (readonly Role[])[] = [["operator", "security-officer"]];

export function isRole(value: unknown): value is Role {
  return roles.some((role) => role === value);
}

/** Throws `policy/conflict` when `held` has two roles that exclude each other. */
export function verifyRoles(held: readonly Role[]): void {
  for (const conflicting of conflictSets) {
    const both = conflicting.filter((role) => held.includes(role));
    if (both.length < 2) continue;
    throw new CasemateError(
      "policy/conflict",
      `Cannot hold the roles ${both.join(" and ")} together: they exclude each other, expected one of them.`,
    );
  }
}
