import type { Kysely } from "kysely";
import { keyedQueue } from "../keyed-queue.ts";
import type { Tables } from "../store/tables.ts";
import { findAccountRow, parseRoles } from "./account.ts";
import type { AccountContext, MayAppoint } from "./account-context.ts";
import type { RecordFact } from "./account-fact.ts";
import { type Accounts, accountsIn } from "./accounts.ts";
import { addressRate } from "./address-rate.ts";
import { type ApiTokens, apiTokensIn } from "./api-tokens.ts";
import { readLockedUntil } from "./failures.ts";
import { type Identities, identitiesIn } from "./identities.ts";
import { readOidcConfig } from "./oidc-config.ts";
import { type OidcLogin, oidcLogin } from "./oidc-login.ts";
import { changeOwnPassword, type PasswordChange } from "./own-password.ts";
import { type Passkeys, passkeysIn } from "./passkeys.ts";
import { type PasswordAttempt, passwordLogin } from "./password-login.ts";
import { bootstrapPrincipal, localPrincipal, type Principal, principalOf } from "./principal.ts";
import type { RelyingParty } from "./relying-party.ts";
import { openSecretBox } from "./secret-box.ts";
import { type NewSession, type Sessions, sessionsIn } from "./sessions.ts";
import { retireIfDue, standingOf } from "./standing.ts";
import { type Tokens, tokensIn } from "./tokens.ts";
import { type TotpEnrolment, totpEnrolment } from "./totp-enrolment.ts";

/** Who may use this Casemate, and how they prove it. */
export interface AccountService {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly apiTokens: ApiTokens;
  /** The installation's own tokens. */
  readonly tokens: Tokens;
  readonly passkeys: Passkeys;
  readonly totp: TotpEnrolment;
  readonly identities: Identities;
  readonly oidc: OidcLogin;
  /** Throws `auth/failed`, `auth/code-needed`, `auth/locked`, `auth/too-many`, `account/disabled`. */
  login(attempt: PasswordAttempt): Promise<NewSession>;
  /** Throws `auth/denied`, `auth/failed`, `auth/locked`, `account/weak-password`. */
  changePassword(principal: Principal, change: PasswordChange): Promise<void>;
  /** Whose bearer token this is; `undefined` when it opens nothing (any more). */
  authenticate(token: string): Promise<Principal | undefined>;
  /** Who an account is now, whatever credential it comes with; `undefined` where it may not act. */
  principalOf(account: string): Promise<Principal | undefined>;
  /** Until when the account is closed after failed logins; `undefined` when it is not. */
  readLockedUntil(account: string): Promise<string | undefined>;
  /** Disables every account whose time is over. */
  retire(): Promise<void>;
}

export interface AccountServiceOptions {
  /** Where `accounts.key` is kept, and `oidc.json` may be. */
  readonly directory: string;
  readonly db: Kysely<Tables>;
  /** Called before each change; when it throws, the change does not happen. */
  readonly record: RecordFact;
  readonly mayAppoint: MayAppoint;
  /** Where browsers meet Casemate; asked when somebody uses a passkey. */
  readonly relyingParty: () => RelyingParty;
  /** The system's clock unless it is told. */
  readonly now?: () => Date;
}

/** Throws `data/*`, `disk/full`, `config/invalid`. */
export async function openAccountService(options: AccountServiceOptions): Promise<AccountService> {
  const { directory, db, record, mayAppoint, relyingParty, now = () => new Date() } = options;
  const secrets = await openSecretBox(directory);
  const oidcConfig = await readOidcConfig(directory);
  const context: AccountContext = { db, record, secrets, queue: keyedQueue(), mayAppoint, now };
  const rate = addressRate(now);
  const accounts = accountsIn(context);
  const sessions = sessionsIn(context);
  const apiTokens = apiTokensIn(context);
  const tokens = tokensIn(db);
  return {
    ...{ accounts, sessions, apiTokens, tokens },
    passkeys: passkeysIn(context, sessions, rate, relyingParty),
    totp: totpEnrolment(context),
    identities: identitiesIn(context),
    oidc: oidcLogin(context, sessions, rate, oidcConfig),
    login: passwordLogin(context, sessions, rate),
    changePassword: (principal, change) => changeOwnPassword(context, principal, change),

    async authenticate(token) {
      switch (token.slice(0, 3)) {
        case "cs_":
          return await sessions.read(token);
        case "ct_":
          return await apiTokens.read(token);
        case "cm_":
          return await tokens.read(token);
      }
      return undefined;
    },

    async principalOf(account) {
      if (account === localPrincipal.account) return localPrincipal;
      if (account === bootstrapPrincipal.account) {
        return (await tokens.hasBootstrap()) ? bootstrapPrincipal : undefined;
      }
      const row = await findAccountRow(db, account);
      if (row === undefined || standingOf(row, now()) !== "good") return undefined;
      return principalOf({
        account,
        person: row.person,
        roles: parseRoles(row.roles),
        mfa: false,
        method: "session",
        scopes: "all",
        credential: "none",
      });
    },

    readLockedUntil: (account) => readLockedUntil(context, account),

    async retire() {
      for (const { name, disabled } of await accounts.list()) {
        if (disabled === undefined) await retireIfDue(context, name);
      }
    },
  };
}
