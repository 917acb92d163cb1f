import { Type } from "typebox";
import {
  Account,
  AccountDraft,
  AccountList,
  AccountParams,
  AccountRoles,
  IdentityValue,
  NewPassword,
} from "../contract/account.ts";
import { asDocument } from "../contract/document.ts";
import { Done, SessionList } from "../contract/session.ts";
import { describeAccount, describeAccounts } from "../describe-account.ts";
import { defineRoute } from "../route.ts";

const reading = { action: "account.read" } as const;
const managing = { action: "account.manage" } as const;

export const accounts = defineRoute({
  path: "/api/v1/accounts",
  summary: "Every account",
  access: reading,
  answer: AccountList,
  async handle(_call, { people }) {
    await people.retire();
    return await describeAccounts(people);
  },
});

export const account = defineRoute({
  path: "/api/v1/accounts/:account",
  summary: "One account",
  access: reading,
  params: AccountParams,
  answer: Account,
  async handle({ params }, { people }) {
    await people.retire();
    return await describeAccount(params.account, people);
  },
});

export const createAccount = defineRoute({
  method: "POST",
  path: "/api/v1/accounts",
  summary: "Make an account; with the first owner's the bootstrap token ends",
  access: managing,
  body: AccountDraft,
  answer: Account,
  async handle({ body, principal }, { people }) {
    const { name } = await people.accounts.create(body, principal);
    return await describeAccount(name, people);
  },
});

export const setRoles = defineRoute({
  method: "PUT",
  path: "/api/v1/accounts/:account/roles",
  summary: "Give an account these roles and no others",
  access: managing,
  params: AccountParams,
  body: AccountRoles,
  answer: Account,
  async handle({ params, body, principal }, { people }) {
    await people.accounts.setRoles(params.account, body.roles, principal);
    return await describeAccount(params.account, people);
  },
});

export const disableAccount = defineRoute({
  method: "POST",
  path: "/api/v1/accounts/:account/disable",
  summary: "Let nobody use an account, and end its sessions",
  access: managing,
  params: AccountParams,
  answer: Account,
  async handle({ params, principal }, { people }) {
    await people.accounts.disable(params.account, principal);
    return await describeAccount(params.account, people);
  },
});

export const enableAccount = defineRoute({
  method: "POST",
  path: "/api/v1/accounts/:account/enable",
  summary: "Let an account be used again",
  access: managing,
  params: AccountParams,
  answer: Account,
  async handle({ params, principal }, { people }) {
    await people.accounts.enable(params.account, principal);
    return await describeAccount(params.account, people);
  },
});

export const unlockAccount = defineRoute({
  method: "POST",
  path: "/api/v1/accounts/:account/unlock",
  summary: "Forget an account's failed logins",
  access: managing,
  params: AccountParams,
  answer: Account,
  async handle({ params, principal }, { people }) {
    await people.accounts.unlock(params.account, principal);
    return await describeAccount(params.account, people);
  },
});

export const resetPassword = defineRoute({
  method: "PUT",
  path: "/api/v1/accounts/:account/password",
  summary: "Give an account a password that its owner must change, and end its sessions",
  access: managing,
  params: AccountParams,
  body: NewPassword,
  answer: Account,
  async handle({ params, body, principal }, { people }) {
    await people.accounts.resetPassword(params.account, body.password, principal);
    return await describeAccount(params.account, people);
  },
});

export const removeTotp = defineRoute({
  method: "DELETE",
  path: "/api/v1/accounts/:account/totp",
  summary: "Ask an account for no authenticator app any more",
  access: managing,
  params: AccountParams,
  answer: Account,
  async handle({ params, principal }, { people }) {
    await people.totp.remove(params.account, principal);
    return await describeAccount(params.account, people);
  },
});

export const removeAccountPasskey = defineRoute({
  method: "DELETE",
  path: "/api/v1/accounts/:account/passkeys/:passkey",
  summary: "Forget an account's passkey",
  access: managing,
  params: Type.Object({
    ...AccountParams.properties,
    passkey: Type.String({ minLength: 1, maxLength: 2_048 }),
  }),
  answer: Account,
  async handle({ params, principal }, { people }) {
    await people.passkeys.remove(params.account, params.passkey, principal);
    return await describeAccount(params.account, people);
  },
});

export const bindIdentity = defineRoute({
  method: "POST",
  path: "/api/v1/accounts/:account/identities",
  summary: "Let an OpenID provider's subject log in to an account",
  access: managing,
  params: AccountParams,
  body: IdentityValue,
  answer: Account,
  async handle({ params, body, principal }, { people }) {
    await people.identities.bind(params.account, body, principal);
    return await describeAccount(params.account, people);
  },
});

export const removeIdentity = defineRoute({
  method: "DELETE",
  path: "/api/v1/accounts/:account/identities",
  summary: "Let an OpenID provider's subject log in to an account no more",
  access: managing,
  params: AccountParams,
  query: IdentityValue,
  answer: Account,
  async handle({ params, query, principal }, { people }) {
    await people.identities.remove(params.account, query, principal);
    return await describeAccount(params.account, people);
  },
});

export const accountSessions = defineRoute({
  path: "/api/v1/accounts/:account/sessions",
  summary: "Where an account is logged in",
  access: reading,
  params: AccountParams,
  answer: SessionList,
  async handle({ params }, { people }) {
    return asDocument("SessionList", { items: [...(await people.sessions.list(params.account))] });
  },
});

export const endSession = defineRoute({
  method: "DELETE",
  path: "/api/v1/accounts/:account/sessions/:session",
  summary: "End one session of an account",
  access: managing,
  params: Type.Object({
    ...AccountParams.properties,
    session: Type.String({ minLength: 1, maxLength: 64 }),
  }),
  answer: Done,
  async handle({ params, principal }, { people }) {
    await people.sessions.revoke(params.account, params.session, principal);
    return asDocument("Done", {});
  },
});

export const endSessions = defineRoute({
  method: "DELETE",
  path: "/api/v1/accounts/:account/sessions",
  summary: "End every session of an account",
  access: managing,
  params: AccountParams,
  answer: Done,
  async handle({ params, principal }, { people }) {
    await people.sessions.revokeAll(params.account, principal);
    return asDocument("Done", {});
  },
});
