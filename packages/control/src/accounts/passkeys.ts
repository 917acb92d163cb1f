import { CasemateError } from "@casemate/core";
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { readAccountRow } from "./account.ts";
import { type AccountContext, changes } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import type { AddressRate } from "./address-rate.ts";
import { countFailure, forgetFailures, verifyNotLocked } from "./failures.ts";
import { verifyOwnSession } from "./own-session.ts";
import { pending } from "./pending.ts";
import type { Principal } from "./principal.ts";
import type { RelyingParty } from "./relying-party.ts";
import type { NewSession, Sessions } from "./sessions.ts";
import { verifyStanding } from "./standing.ts";

/** Loaded when somebody first needs it: it takes a fifth of all that starting Casemate loads. */
const webAuthn = () => import("@simplewebauthn/server");

/** A passkey, as people may see it. Times are ISO 8601. */
export interface Passkey {
  /** The credential ID, base64url. */
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly lastUsedAt: string | undefined;
}

/** A ceremony's first half: what the browser is given, and the name to end it by. */
export interface PasskeyCeremony<Options> {
  readonly ceremony: string;
  readonly options: Options;
}

/** Keys in authenticators that open an account by themselves: they verify their user, so they count as two factors. */
export interface Passkeys {
  /** Throws `auth/denied` without an own session; with a second factor there, without its use. */
  beginAdding(
    principal: Principal,
  ): Promise<PasskeyCeremony<PublicKeyCredentialCreationOptionsJSON>>;
  /** HOSTILE: `response` is what a browser sent. Throws `auth/ceremony`, `auth/failed`. */
  finishAdding(
    principal: Principal,
    draft: {
      readonly ceremony: string;
      readonly name: string;
      readonly response: RegistrationResponseJSON;
    },
  ): Promise<Passkey>;
  list(account: string): Promise<readonly Passkey[]>;
  /** Throws `passkey/unknown`. */
  remove(account: string, id: string, actor: Principal): Promise<void>;
  /** Names no account: the authenticator knows which. Throws `auth/too-many`. */
  beginLogin(address: string): Promise<PasskeyCeremony<PublicKeyCredentialRequestOptionsJSON>>;
  /** HOSTILE: `response` is what a browser sent. Throws `auth/*`, `account/disabled`. */
  finishLogin(attempt: {
    readonly ceremony: string;
    readonly response: AuthenticationResponseJSON;
    readonly address: string;
  }): Promise<NewSession>;
}

const ceremonies = { lifetimeMs: 5 * 60_000, most: 1_000 };

export function passkeysIn(
  context: AccountContext,
  sessions: Sessions,
  rate: AddressRate,
  relyingParty: () => RelyingParty,
): Passkeys {
  const { db, record, queue, now } = context;
  const adding = pending<{ readonly account: string; readonly challenge: string }>(now, ceremonies);
  const loggingIn = pending<{ readonly challenge: string }>(now, ceremonies);

  const rowsOf = (account: string) =>
    db
      .selectFrom("passkeys")
      .selectAll()
      .where("account", "=", account)
      .orderBy("created_at")
      .execute();

  return {
    async beginAdding(principal) {
      const { account } = principal;
      verifyOwnSession(principal, "add a passkey");
      const row = await readAccountRow(db, account);
      const known = await rowsOf(account);
      const hasFactor = row.totp_sealed !== null || known.length > 0;
      verifyOwnSession(principal, "add another passkey", hasFactor);
      const options = await (await webAuthn()).generateRegistrationOptions({
        rpName: "Casemate",
        rpID: relyingParty().id,
        userName: account,
        userID: Uint8Array.from(Buffer.from(row.user_handle, "base64url")),
        attestationType: "none",
        excludeCredentials: known.map(({ id, transports }) => ({
          id,
          transports: parseTransports(transports),
        })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        supportedAlgorithmIDs,
      });
      return { ceremony: adding.put({ account, challenge: options.challenge }), options };
    },

    async finishAdding(principal, { ceremony, name, response }) {
      const { account } = principal;
      verifyOwnSession(principal, "add a passkey");
      const begun = adding.take(ceremony);
      if (begun === undefined || begun.account !== account) throw notBegun("add the passkey");
      const { id: expectedRPID, origins } = relyingParty();
      const verified = await (await webAuthn())
        .verifyRegistrationResponse({
          response,
          expectedChallenge: begun.challenge,
          expectedOrigin: [...origins],
          expectedRPID,
          requireUserVerification: true,
          supportedAlgorithmIDs,
        })
        .catch((cause: unknown) => {
          throw refused("add the passkey", cause);
        });
      if (!verified.verified) throw refused("add the passkey", undefined);
      const { credential } = verified.registrationInfo;
      const created_at = now().toISOString();
      await queue(changes, async () => {
        const same = await db
          .selectFrom("passkeys")
          .select("id")
          .where("id", "=", credential.id)
          .executeTakeFirst();
        if (same !== undefined) throw refused("add the passkey", "it is there already");
        const added = { passkey: credential.id, name };
        await record(accountFact("passkey-added", account, principal.id, added));
        await db
          .insertInto("passkeys")
          .values({
            ...{ id: credential.id, account, name, created_at, last_used_at: null },
            public_key: Buffer.from(credential.publicKey).toString("base64url"),
            counter: credential.counter,
            transports: JSON.stringify(credential.transports ?? []),
          })
          .execute();
      });
      return { id: credential.id, name, createdAt: created_at, lastUsedAt: undefined };
    },

    async list(account) {
      const rows = await rowsOf(account);
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at ?? undefined,
      }));
    },

    async remove(account, id, actor) {
      await queue(changes, async () => {
        const found = (await rowsOf(account)).find((row) => row.id === id);
        if (found === undefined) {
          throw new CasemateError(
            "passkey/unknown",
            `Cannot remove passkey ${id}: ${account} has none of this name.`,
          );
        }
        const removed = { passkey: id, name: found.name };
        await record(accountFact("passkey-removed", account, actor.id, removed));
        await db.deleteFrom("passkeys").where("id", "=", id).execute();
      });
    },

    async beginLogin(address) {
      rate.verify(address);
      const options = await (await webAuthn()).generateAuthenticationOptions({
        rpID: relyingParty().id,
        userVerification: "required",
      });
      return { ceremony: loggingIn.put({ challenge: options.challenge }), options };
    },

    async finishLogin({ ceremony, response, address }) {
      rate.verify(address);
      const begun = loggingIn.take(ceremony);
      if (begun === undefined) throw notBegun("log in with a passkey");
      const key = await db
        .selectFrom("passkeys")
        .selectAll()
        .where("id", "=", response.id)
        .executeTakeFirst();
      if (key === undefined) throw refused("log in with a passkey", undefined);
      const { account } = key;
      return await queue(`login ${account}`, async () => {
        await verifyNotLocked(context, account);
        const row = await readAccountRow(db, account);
        const { id: expectedRPID, origins } = relyingParty();
        const verified = await (await webAuthn())
          .verifyAuthenticationResponse({
            response,
            expectedChallenge: begun.challenge,
            expectedOrigin: [...origins],
            expectedRPID,
            requireUserVerification: true,
            credential: {
              id: key.id,
              publicKey: Uint8Array.from(Buffer.from(key.public_key, "base64url")),
              counter: key.counter,
              transports: parseTransports(key.transports),
            },
          })
          .catch((cause: unknown) => ({ verified: false, cause }) as const);
        if (!verified.verified || !("authenticationInfo" in verified)) {
          await countFailure(context, { name: account, known: true, because: "passkey", address });
          throw refused("log in with a passkey", "cause" in verified ? verified.cause : undefined);
        }
        const handle = response.response.userHandle;
        if (handle !== undefined && handle !== row.user_handle) {
          throw refused("log in with a passkey", "its user handle is another account's");
        }
        await verifyStanding(context, row);
        const session = await sessions.begin({ row, method: "passkey", mfa: true, address });
        await db
          .updateTable("passkeys")
          .set({
            counter: verified.authenticationInfo.newCounter,
            last_used_at: now().toISOString(),
          })
          .where("id", "=", key.id)
          .execute();
        await forgetFailures(context, account);
        return session;
      });
    },
  };
}

/** COSE algorithms (RFC 9053): EdDSA, ES256, RS256. */
const supportedAlgorithmIDs = [-8, -7, -257];

function parseTransports(text: string): string[] {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function notBegun(what: string): CasemateError {
  return new CasemateError(
    "auth/ceremony",
    `Cannot ${what}: this ceremony was not begun here, or too long ago.`,
  );
}

function refused(what: string, cause: unknown): CasemateError {
  return new CasemateError(
    "auth/failed",
    `Cannot ${what}: the authenticator's answer does not fit, expected a signature over the challenge by a key that is known here.`,
    { cause },
  );
}
