import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

const Time = Type.String({ format: "date-time" });

const Code = Type.String({ pattern: "^[0-9]{6}$", description: "An authenticator app's." });

/** What somebody types to log in. What is no account's name is answered as a wrong one. */
export const PasswordLogin = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255 }),
    password: Type.String({ minLength: 1, maxLength: 1_024 }),
    code: Type.Optional(Code),
  },
  { additionalProperties: false },
);

const Ceremony = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });

/** HOSTILE: what a browser's authenticator answered (WebAuthn, 5.1.8.1); its verifier checks every field. */
const AuthenticatorAnswer = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 2_048 }),
    rawId: Type.String({ maxLength: 2_048 }),
    type: Type.Literal("public-key"),
    response: Type.Record(Type.String(), Type.Unknown()),
    authenticatorAttachment: Type.Optional(Type.String()),
    clientExtensionResults: Type.Record(Type.String(), Type.Unknown()),
  },
  { additionalProperties: false },
);

export const PasskeyLogin = Type.Object(
  { ceremony: Ceremony, response: AuthenticatorAnswer },
  { additionalProperties: false },
);

export const PasskeyDraft = Type.Object(
  {
    ceremony: Ceremony,
    name: Type.String({ minLength: 1, maxLength: 64 }),
    response: AuthenticatorAnswer,
  },
  { additionalProperties: false },
);

export const TotpProof = Type.Object(
  { ceremony: Ceremony, code: Code },
  { additionalProperties: false },
);

export const OidcRedirect = Type.Object(
  { redirectUri: Type.String({ maxLength: 255 }) },
  { additionalProperties: false },
);

export const OidcReturn = Type.Object(
  {
    ceremony: Ceremony,
    callback: Type.String({
      maxLength: 8_192,
      description: "The URL that the provider sent the browser to, with its query.",
    }),
  },
  { additionalProperties: false },
);

/** A session that has just begun: what opens it is seen this once. */
export const NewSession = documentOf("NewSession", {
  token: Type.String(),
  account: Type.String(),
  expiresAt: Time,
  passwordMustChange: Type.Boolean({
    description: "Whether nothing but a new password is possible with it.",
  }),
});
export type NewSession = Static<typeof NewSession>;

export const OidcCeremony = documentOf("OidcCeremony", {
  ceremony: Ceremony,
  url: Type.String({ description: "Where to send the person's browser." }),
});
export type OidcCeremony = Static<typeof OidcCeremony>;

/** The first half of a ceremony: what to hand to `navigator.credentials`. */
export const PasskeyCeremony = documentOf("PasskeyCeremony", {
  ceremony: Ceremony,
  options: Type.Unknown(),
});
export type PasskeyCeremony = Static<typeof PasskeyCeremony>;

/** What the person gives their authenticator app: seen this once. */
export const TotpOffer = documentOf("TotpOffer", {
  ceremony: Ceremony,
  secret: Type.String({ description: "Base32." }),
  uri: Type.String({ description: "otpauth://…, to be shown as a QR code." }),
});
export type TotpOffer = Static<typeof TotpOffer>;

const SessionItem = Type.Object(
  {
    id: Type.String(),
    account: Type.String(),
    method: Type.Union([Type.Literal("password"), Type.Literal("passkey"), Type.Literal("oidc")]),
    mfa: Type.Boolean(),
    address: Type.String(),
    createdAt: Time,
    lastUsedAt: Time,
    expiresAt: Time,
  },
  { additionalProperties: false },
);

export const SessionList = documentOf("SessionList", { items: Type.Array(SessionItem) });
export type SessionList = Static<typeof SessionList>;

/** It was done, and there is nothing to tell. */
export const Done = documentOf("Done", {});
export type Done = Static<typeof Done>;
