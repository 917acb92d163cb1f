import { CasemateError } from "@casemate/core";
import { Type } from "typebox";
import type { ApiToken } from "../../accounts/api-tokens.ts";
import { verifyOwnSession } from "../../accounts/own-session.ts";
import type { Principal } from "../../accounts/principal.ts";
import type { Services } from "../../services.ts";
import { AccountParams } from "../contract/account.ts";
import { ApiTokenDraft, ApiTokenList, NewApiToken } from "../contract/api-token.ts";
import { asDocument } from "../contract/document.ts";
import { Done } from "../contract/session.ts";
import { defineRoute } from "../route.ts";

export const apiTokens = defineRoute({
  path: "/api/v1/tokens",
  summary: "The caller's own tokens",
  access: "signed-in",
  answer: ApiTokenList,
  async handle({ principal: { account } }, { people }) {
    const items = await people.apiTokens.list(account);
    return asDocument("ApiTokenList", { items: items.map(describe) });
  },
});

export const issueApiToken = defineRoute({
  method: "POST",
  path: "/api/v1/tokens",
  summary: "A token for a program that works for the caller, limited to some actions",
  access: "signed-in",
  body: ApiTokenDraft,
  answer: NewApiToken,
  async handle({ body, principal }, services) {
    verifyOwnSession(principal, "issue a token");
    await verifyMayManage(services, principal, principal.account);
    const { token, text } = await services.people.apiTokens.issue(
      principal.account,
      body,
      principal,
    );
    return asDocument("NewApiToken", { ...describe(token), token: text });
  },
});

export const revokeApiToken = defineRoute({
  method: "DELETE",
  path: "/api/v1/tokens/:token",
  summary: "Let one of the caller's own tokens open nothing any more",
  access: "signed-in",
  params: Type.Object({ token: Type.String({ minLength: 1, maxLength: 64 }) }),
  answer: Done,
  async handle({ params, principal }, services) {
    await verifyMayManage(services, principal, principal.account);
    await services.people.apiTokens.revoke(principal.account, params.token, principal);
    return asDocument("Done", {});
  },
});

export const accountTokens = defineRoute({
  path: "/api/v1/accounts/:account/tokens",
  summary: "An account's tokens",
  access: { action: "account.read" },
  params: AccountParams,
  answer: ApiTokenList,
  async handle({ params }, { people }) {
    const items = await people.apiTokens.list(params.account);
    return asDocument("ApiTokenList", { items: items.map(describe) });
  },
});

export const revokeAccountToken = defineRoute({
  method: "DELETE",
  path: "/api/v1/accounts/:account/tokens/:token",
  summary: "Let an account's token open nothing any more",
  access: "signed-in",
  params: Type.Object({
    ...AccountParams.properties,
    token: Type.String({ minLength: 1, maxLength: 64 }),
  }),
  answer: Done,
  async handle({ params, principal }, services) {
    await verifyMayManage(services, principal, params.account);
    await services.people.apiTokens.revoke(params.account, params.token, principal);
    return asDocument("Done", {});
  },
});

/** Throws `auth/denied` where the policy does not let the principal keep that account's tokens. */
async function verifyMayManage(
  { people, gate }: Services,
  principal: Principal,
  account: string,
): Promise<void> {
  const { person } = await people.accounts.read(account).catch((thrown: unknown) => {
    // Who may not know which accounts there are does not learn it here.
    if (!(thrown instanceof CasemateError) || thrown.code !== "account/unknown") throw thrown;
    return { person: "" };
  });
  const resource = { kind: "account", id: account, person } as const;
  gate.verify({ principal, actions: ["token.manage"], resource });
}

function describe({ lastUsedAt, scopes, ...token }: ApiToken): ApiTokenList["items"][number] {
  return {
    ...token,
    scopes: scopes === "all" ? scopes : [...scopes],
    ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
  };
}
