import type { Account as StoredAccount } from "../accounts/account.ts";
import type { AccountService } from "../accounts/account-service.ts";
import type { Account, AccountList } from "./contract/account.ts";
import { asDocument } from "./contract/document.ts";

/** The account as the API shows it. Throws `account/unknown`. */
export async function describeAccount(name: string, people: AccountService): Promise<Account> {
  const item = await describeItem(await people.accounts.read(name), people);
  const passkeys = await people.passkeys.list(name);
  const identities = await people.identities.list(name);
  return asDocument("Account", {
    ...item,
    passkeys: passkeys.map(({ id, name, createdAt, lastUsedAt }) => ({
      ...{ id, name, createdAt },
      ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
    })),
    identities: identities.map(({ issuer, subject }) => ({ issuer, subject })),
  });
}

/** Every account as the API shows it. */
export async function describeAccounts(people: AccountService): Promise<AccountList> {
  const items: AccountList["items"] = [];
  for (const account of await people.accounts.list()) {
    items.push(await describeItem(account, people));
  }
  return asDocument("AccountList", { items });
}

async function describeItem(
  account: StoredAccount,
  people: AccountService,
): Promise<AccountList["items"][number]> {
  const { expiresAt, disabled, lastLoginAt, roles, ...rest } = account;
  const lockedUntil = await people.readLockedUntil(account.name);
  return {
    ...rest,
    roles: [...roles],
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(disabled === undefined ? {} : { disabled }),
    ...(lastLoginAt === undefined ? {} : { lastLoginAt }),
    ...(lockedUntil === undefined ? {} : { lockedUntil }),
  };
}
