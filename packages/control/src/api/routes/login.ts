import type { AuthenticationResponseJSON } from "@simplewebauthn/server";
import { asDocument } from "../contract/document.ts";
import {
  NewSession,
  OidcCeremony,
  OidcRedirect,
  OidcReturn,
  PasskeyCeremony,
  PasskeyLogin,
  PasswordLogin,
} from "../contract/session.ts";
import { defineRoute } from "../route.ts";

export const login = defineRoute({
  method: "POST",
  path: "/api/v1/login",
  summary:
    "Begin a session with name and password, and the authenticator app's code if there is one",
  access: "public",
  body: PasswordLogin,
  answer: NewSession,
  async handle({ body: { name, password, code }, address }, { people }) {
    return asDocument("NewSession", await people.login({ name, password, code, address }));
  },
});

export const beginPasskeyLogin = defineRoute({
  method: "POST",
  path: "/api/v1/login/passkey/options",
  summary: "What a browser needs to log in with a passkey",
  access: "public",
  answer: PasskeyCeremony,
  async handle({ address }, { people }) {
    return asDocument("PasskeyCeremony", await people.passkeys.beginLogin(address));
  },
});

export const passkeyLogin = defineRoute({
  method: "POST",
  path: "/api/v1/login/passkey",
  summary: "Begin a session with what the authenticator answered",
  access: "public",
  body: PasskeyLogin,
  answer: NewSession,
  async handle({ body: { ceremony, response }, address }, { people }) {
    const attempt = {
      ceremony,
      response: response as unknown as AuthenticationResponseJSON, // its verifier checks every field
      address,
    };
    return asDocument("NewSession", await people.passkeys.finishLogin(attempt));
  },
});

export const beginOidcLogin = defineRoute({
  method: "POST",
  path: "/api/v1/login/oidc/begin",
  summary: "Where to log in at the OpenID provider",
  access: "public",
  body: OidcRedirect,
  answer: OidcCeremony,
  async handle({ body: { redirectUri }, address }, { people }) {
    return asDocument("OidcCeremony", await people.oidc.begin(redirectUri, address));
  },
});

export const oidcLogin = defineRoute({
  method: "POST",
  path: "/api/v1/login/oidc",
  summary: "Begin a session with what the OpenID provider answered",
  access: "public",
  body: OidcReturn,
  answer: NewSession,
  async handle({ body: { ceremony, callback }, address }, { people }) {
    return asDocument("NewSession", await people.oidc.finish({ ceremony, callback, address }));
  },
});
