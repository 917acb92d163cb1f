import { roles } from "@casemate/policy";
import { type Static, Type } from "typebox";
import { namePattern, personPattern } from "../../accounts/accounts.ts";
import { passwordLimit } from "../../accounts/password.ts";
import { documentOf } from "./document.ts";

const Time = Type.String({ format: "date-time" });

const Role = Type.Enum([...roles]);

const Name = Type.String({ pattern: namePattern });

/** Any text as a password; the rules for new ones are the account service's, which says what is wrong. */
export const Password = Type.String({ minLength: 1, maxLength: passwordLimit });

export const AccountParams = Type.Object({ account: Name });

/** An account to be made. */
export const AccountDraft = Type.Object(
  {
    name: Name,
    person: Type.String({
      pattern: personPattern,
      description: "Whose account it is: the same text for every account of one person.",
    }),
    roles: Type.Array(Role, { maxItems: roles.length }),
    password: Type.Optional(Password),
    temporary: Type.Optional(
      Type.Boolean({ description: "Whether it is disabled after 72 hours." }),
    ),
  },
  { additionalProperties: false },
);

export const AccountRoles = Type.Object(
  { roles: Type.Array(Role, { maxItems: roles.length }) },
  { additionalProperties: false },
);

/** A password that somebody gets from somebody else, and has to change. */
export const NewPassword = Type.Object({ password: Password }, { additionalProperties: false });

export const OwnPassword = Type.Object(
  { current: Password, password: Password },
  { additionalProperties: false },
);

/** Whom an OpenID provider knows the account's person as. */
export const IdentityValue = Type.Object(
  {
    issuer: Type.String({ minLength: 1, maxLength: 1_024 }),
    subject: Type.String({ minLength: 1, maxLength: 255 }),
  },
  { additionalProperties: false },
);

const itemFields = {
  name: Type.String(),
  person: Type.String(),
  roles: Type.Array(Role),
  createdAt: Time,
  expiresAt: Type.Optional(Type.String({ format: "date-time", description: "When it ends." })),
  disabled: Type.Optional(
    Type.Object(
      {
        at: Time,
        because: Type.Union([
          Type.Literal("by-hand"),
          Type.Literal("idle"),
          Type.Literal("expired"),
        ]),
      },
      { additionalProperties: false },
    ),
  ),
  lockedUntil: Type.Optional(
    Type.String({ format: "date-time", description: "Closed so long after failed logins." }),
  ),
  lastLoginAt: Type.Optional(Time),
  hasPassword: Type.Boolean(),
  passwordMustChange: Type.Boolean(),
  hasTotp: Type.Boolean({ description: "Whether an authenticator app's code is asked for." }),
};

const AccountItem = Type.Object(itemFields, { additionalProperties: false });

/** A local account. */
export const Account = documentOf("Account", {
  ...itemFields,
  passkeys: Type.Array(
    Type.Object(
      {
        id: Type.String(),
        name: Type.String(),
        createdAt: Time,
        lastUsedAt: Type.Optional(Time),
      },
      { additionalProperties: false },
    ),
  ),
  identities: Type.Array(IdentityValue),
});
export type Account = Static<typeof Account>;

export const AccountList = documentOf("AccountList", { items: Type.Array(AccountItem) });
export type AccountList = Static<typeof AccountList>;

/** Who makes this request. */
export const Principal = documentOf("Principal", {
  account: Type.String(),
  person: Type.String(),
  roles: Type.Array(Role),
  mfa: Type.Boolean({ description: "Whether a second factor or a passkey was used." }),
  method: Type.Union([
    Type.Literal("session"),
    Type.Literal("token"),
    Type.Literal("local"),
    Type.Literal("bootstrap"),
  ]),
  scopes: Type.Union([Type.Literal("all"), Type.Array(Type.String())]),
});
export type Principal = Static<typeof Principal>;
