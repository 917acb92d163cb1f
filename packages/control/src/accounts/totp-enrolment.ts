import { CasemateError } from "@casemate/core";
import { readAccountRow } from "./account.ts";
import { type AccountContext, changes } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { encodeBase32 } from "./base32.ts";
import { verifyOwnSession } from "./own-session.ts";
import { pending } from "./pending.ts";
import type { Principal } from "./principal.ts";
import { findStep, newTotpSecret, totpUri } from "./totp.ts";

/** What the person gives their authenticator app; seen this once. */
export interface TotpOffer {
  readonly ceremony: string;
  /** Base32, to be typed. */
  readonly secret: string;
  /** `otpauth://…`, to be shown as a QR code. */
  readonly uri: string;
}

/** How an account comes by an authenticator app, and loses it. */
export interface TotpEnrolment {
  /** Throws `auth/denied` without an own session; with an app already there, without its use. */
  begin(principal: Principal): Promise<TotpOffer>;
  /** Adds the app once it has shown a right code. Throws `auth/ceremony`, `auth/failed`. */
  finish(principal: Principal, ceremony: string, code: string): Promise<void>;
  /** Throws `account/unknown`. */
  remove(name: string, actor: Principal): Promise<void>;
}

const offers = { lifetimeMs: 10 * 60_000, most: 1_000 };

/** What a TOTP secret is sealed for. */
export const totpPurpose = (name: string): string => `totp ${name}`;

export function totpEnrolment(context: AccountContext): TotpEnrolment {
  const { db, record, queue, secrets, now } = context;
  const offered = pending<{ readonly name: string; readonly secret: Buffer }>(now, offers);
  return {
    async begin(principal) {
      const { account: name } = principal;
      verifyOwnSession(principal, "add an authenticator app");
      const row = await readAccountRow(db, name);
      verifyOwnSession(principal, "replace the authenticator app", row.totp_sealed !== null);
      const secret = newTotpSecret();
      const ceremony = offered.put({ name, secret });
      return { ceremony, secret: encodeBase32(secret), uri: totpUri(secret, name) };
    },

    async finish(principal, ceremony, code) {
      const { account: name } = principal;
      verifyOwnSession(principal, "add an authenticator app");
      const offer = offered.take(ceremony);
      if (offer === undefined || offer.name !== name) {
        throw new CasemateError(
          "auth/ceremony",
          "Cannot add the authenticator app: its secret was not offered to this account, or too long ago.",
        );
      }
      const step = findStep(offer.secret, code, now(), null);
      if (step === undefined) {
        throw new CasemateError(
          "auth/failed",
          "Cannot add the authenticator app: its code is wrong, expected the one it shows now.",
          { next: "Check the clocks of both, and begin again." },
        );
      }
      await queue(changes, async () => {
        await record(accountFact("totp-added", name, principal.id));
        await db
          .updateTable("accounts")
          // The code that proved it counts as used.
          .set({ totp_sealed: secrets.seal(offer.secret, totpPurpose(name)), totp_step: step })
          .where("name", "=", name)
          .execute();
      });
    },

    async remove(name, actor) {
      await queue(changes, async () => {
        await readAccountRow(db, name);
        await record(accountFact("totp-removed", name, actor.id));
        await db
          .updateTable("accounts")
          .set({ totp_sealed: null, totp_step: null })
          .where("name", "=", name)
          .execute();
      });
    },
  };
}
