import { CasemateError } from "@casemate/core";
import { roles as everyRole, type Role } from "@casemate/policy";
import { Type } from "typebox";
import type { AccountService } from "../../accounts/account-service.ts";
import { namePattern } from "../../accounts/accounts.ts";
import { defineOperation, type Operation } from "../../spine/operation.ts";

/** Gives an account its roles: what takes two persons as soon as a second one can be asked. */
export function appointAccount(people: AccountService): Operation {
  const { accounts } = people;
  return defineOperation({
    id: "account.appoint",
    summary: "Give an account these roles and no others",
    on: "system",
    parameters: Type.Object(
      {
        account: Type.String({ pattern: namePattern, description: "The account's name." }),
        roles: Type.Array(Type.Union(everyRole.map((role) => Type.Literal(role))), {
          uniqueItems: true,
          maxItems: everyRole.length,
        }),
      },
      { additionalProperties: false },
    ),
    async plan({ parameters: { account: name, roles: given } }) {
      const { person, roles: before } = await accounts.read(name);
      const roles = inOrder(given);
      await accounts.verifyRoles(name, roles);
      if (isSame(roles, before)) {
        throw new CasemateError(
          "operation/refused",
          `Cannot give ${name} the roles ${roles.join(", ")}: it has exactly these.`,
        );
      }
      // Whoever can log in has the roles: another way in makes it another plan.
      const keys = await describeKeys(people, name);
      return {
        steps: [
          `Give ${name}, the account of ${person}, ${roles.length === 0 ? "no role" : `the roles ${roles.join(", ")}`}; it has ${before.length === 0 ? "none" : before.join(", ")}.`,
          `Whoever has ${keys.length === 0 ? "nothing yet" : keys.join(" or ")} logs in to it.`,
        ],
        effects: [{ kind: "account", id: name, change: "changed" }],
        irreversible: [],
        destroysState: false,
        downtime: false,
        diskBytes: 0,
        details: { account: name, person, roles, before: [...before], keys },
      };
    },
    async execute({ plan: { details }, actor }) {
      const { account, roles, keys } = details;
      await accounts.appoint(account, inOrder(roles), actor, async () => {
        if (isSame(await describeKeys(people, account), keys)) return;
        throw new CasemateError(
          "operation/refused",
          `Cannot give ${account} roles: how it is logged in to was just changed, expected what was planned.`,
        );
      });
    },
    async look({ plan: { details } }) {
      const { roles } = await accounts.read(details.account);
      return { kind: isSame(roles, inOrder(details.roles)) ? "done" : "undone" };
    },
  });
}

/** What opens the account, in words. */
async function describeKeys(people: AccountService, name: string): Promise<string[]> {
  const { hasPassword, passwordMustChange } = await people.accounts.read(name);
  const passkeys = await people.passkeys.list(name);
  const identities = await people.identities.list(name);
  return [
    ...(hasPassword
      ? [passwordMustChange ? "the password that was set for it" : "the password of its own choice"]
      : []),
    ...passkeys.map(({ id }) => `passkey ${id}`),
    ...identities.map(({ issuer, subject }) => `${JSON.stringify(subject)} at ${issuer}`),
  ].toSorted();
}

/** The roles among `given`, each once, in the order of the list of all. */
function inOrder(given: readonly string[]): Role[] {
  return everyRole.filter((role) => given.includes(role));
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each) => other.includes(each));
}
