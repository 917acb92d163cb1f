import type { RegistrationResponseJSON } from "@simplewebauthn/server";
import { Type } from "typebox";
import { sessionOf, verifyOwnSession } from "../../accounts/own-session.ts";
import { Account, OwnPassword, Principal } from "../contract/account.ts";
import { asDocument } from "../contract/document.ts";
import {
  Done,
  PasskeyCeremony,
  PasskeyDraft,
  SessionList,
  TotpOffer,
  TotpProof,
} from "../contract/session.ts";
import { describeAccount } from "../describe-account.ts";
import { defineRoute } from "../route.ts";

export const whoAmI = defineRoute({
  path: "/api/v1/principal",
  summary: "Who makes this request, and with what",
  access: "signed-in",
  answer: Principal,
  async handle({ principal: { account, person, roles, mfa, method, scopes } }) {
    return asDocument("Principal", {
      ...{ account, person, roles: [...roles], mfa, method },
      scopes: scopes === "all" ? scopes : [...scopes],
    });
  },
});

export const ownAccount = defineRoute({
  path: "/api/v1/account",
  summary: "The caller's own account",
  access: "signed-in",
  answer: Account,
  async handle({ principal: { account } }, { people }) {
    return await describeAccount(account, people);
  },
});

export const changePassword = defineRoute({
  method: "POST",
  path: "/api/v1/account/password",
  summary: "Change the caller's own password; their other sessions end",
  access: "signed-in",
  body: OwnPassword,
  answer: Done,
  async handle({ body: { current, password }, principal, address }, { people }) {
    await people.changePassword(principal, { current, password, address });
    return asDocument("Done", {});
  },
});

export const beginTotp = defineRoute({
  method: "POST",
  path: "/api/v1/account/totp/begin",
  summary: "A secret for the caller's authenticator app",
  access: "signed-in",
  answer: TotpOffer,
  async handle({ principal }, { people }) {
    return asDocument("TotpOffer", await people.totp.begin(principal));
  },
});

export const addTotp = defineRoute({
  method: "POST",
  path: "/api/v1/account/totp",
  summary: "Ask the caller for the authenticator app's code from now on",
  access: "signed-in",
  body: TotpProof,
  answer: Done,
  async handle({ body: { ceremony, code }, principal }, { people }) {
    await people.totp.finish(principal, ceremony, code);
    return asDocument("Done", {});
  },
});

export const beginPasskey = defineRoute({
  method: "POST",
  path: "/api/v1/account/passkeys/options",
  summary: "What a browser needs to make a passkey for the caller",
  access: "signed-in",
  answer: PasskeyCeremony,
  async handle({ principal }, { people }) {
    return asDocument("PasskeyCeremony", await people.passkeys.beginAdding(principal));
  },
});

export const addPasskey = defineRoute({
  method: "POST",
  path: "/api/v1/account/passkeys",
  summary: "Let the caller log in with this passkey",
  access: "signed-in",
  body: PasskeyDraft,
  answer: Done,
  async handle({ body: { ceremony, name, response }, principal }, { people }) {
    await people.passkeys.finishAdding(principal, {
      ...{ ceremony, name },
      response: response as unknown as RegistrationResponseJSON, // its verifier checks every field
    });
    return asDocument("Done", {});
  },
});

export const removePasskey = defineRoute({
  method: "DELETE",
  path: "/api/v1/account/passkeys/:passkey",
  summary: "Forget one of the caller's passkeys",
  access: "signed-in",
  params: Type.Object({ passkey: Type.String({ minLength: 1, maxLength: 2_048 }) }),
  answer: Done,
  async handle({ params: { passkey }, principal }, { people }) {
    verifyOwnSession(principal, "remove a passkey", true);
    await people.passkeys.remove(principal.account, passkey, principal);
    return asDocument("Done", {});
  },
});

export const ownSessions = defineRoute({
  path: "/api/v1/account/sessions",
  summary: "Where the caller is logged in",
  access: "signed-in",
  answer: SessionList,
  async handle({ principal: { account } }, { people }) {
    return asDocument("SessionList", { items: [...(await people.sessions.list(account))] });
  },
});

export const endOwnSession = defineRoute({
  method: "DELETE",
  path: "/api/v1/account/sessions/:session",
  summary: "End one of the caller's sessions",
  access: "signed-in",
  params: Type.Object({ session: Type.String({ minLength: 1, maxLength: 64 }) }),
  answer: Done,
  async handle({ params: { session }, principal }, { people }) {
    verifyOwnSession(principal, "end a session");
    await people.sessions.revoke(principal.account, session, principal);
    return asDocument("Done", {});
  },
});

export const logout = defineRoute({
  method: "POST",
  path: "/api/v1/logout",
  summary: "End the session that this request is made with",
  access: "signed-in",
  answer: Done,
  async handle({ principal }, { people }) {
    verifyOwnSession(principal, "log out");
    await people.sessions.revoke(principal.account, sessionOf(principal), principal);
    return asDocument("Done", {});
  },
});
