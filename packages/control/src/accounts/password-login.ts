import { CasemateError } from "@casemate/core";
import { findAccountRow } from "./account.ts";
import type { AccountContext } from "./account-context.ts";
import type { AddressRate } from "./address-rate.ts";
import { countFailure, type Failure, forgetFailures, verifyNotLocked } from "./failures.ts";
import { hashPassword, isOutdated, isPassword, unmatchable } from "./password.ts";
import type { NewSession, Sessions } from "./sessions.ts";
import { verifyStanding } from "./standing.ts";
import { findStep } from "./totp.ts";
import { totpPurpose } from "./totp-enrolment.ts";

/** What somebody types to log in. */
export interface PasswordAttempt {
  readonly name: string;
  readonly password: string;
  /** The six digits of an authenticator app. */
  readonly code: string | undefined;
  readonly address: string;
}

/**
 * Logs in with name, password and, where the account has an authenticator app, its code.
 *
 * Tries of one name go one after another, so that many at once are counted as many. What a caller learns,
 * and how long it takes, is the same for a wrong password and for a name that is not known.
 */
export function passwordLogin(
  context: AccountContext,
  sessions: Sessions,
  rate: AddressRate,
): (attempt: PasswordAttempt) => Promise<NewSession> {
  const nobody = unmatchable();
  return async ({ name, password, code, address }) => {
    rate.verify(address);
    return await context.queue(`login ${name}`, async () => {
      await verifyNotLocked(context, name);
      const row = await findAccountRow(context.db, name);
      const fail = async (because: Failure["because"]) => {
        await countFailure(context, { name, known: row !== undefined, because, address });
        return wrong();
      };
      const right = await isPassword(password, row?.password_hash ?? nobody);
      if (row === undefined || !right) throw await fail("password");
      const also: { password_hash?: string; totp_step?: number } = {};
      if (row.totp_sealed !== null) {
        if (code === undefined) throw codeNeeded();
        const secret = context.secrets.open(row.totp_sealed, totpPurpose(name));
        const step = findStep(secret, code, context.now(), row.totp_step);
        if (step === undefined) throw await fail("code");
        also.totp_step = step;
      }
      await verifyStanding(context, row);
      if (row.password_hash !== null && isOutdated(row.password_hash)) {
        also.password_hash = await hashPassword(password);
      }
      const mfa = row.totp_sealed !== null;
      const session = await sessions.begin({ row, method: "password", mfa, address, also });
      await forgetFailures(context, name);
      return session;
    });
  };
}

// The name is not in these: what was typed there may have been a password, and errors are logged.

function wrong(): CasemateError {
  return new CasemateError(
    "auth/failed",
    "Cannot log in: the name, the password or the code is wrong.",
  );
}

function codeNeeded(): CasemateError {
  return new CasemateError(
    "auth/code-needed",
    "Cannot log in: no code came with the password, expected the authenticator app's.",
  );
}
