import { CasemateError } from "@casemate/core";
import { readAccountRow } from "./account.ts";
import { type AccountContext, changes } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { countFailure, verifyNotLocked } from "./failures.ts";
import { sessionOf, verifyOwnSession } from "./own-session.ts";
import { hashPassword, isPassword, unmatchable, verifyPasswordPolicy } from "./password.ts";
import type { Principal } from "./principal.ts";

/** A change of one's own password. */
export interface PasswordChange {
  readonly current: string;
  readonly password: string;
  readonly address: string;
}

/**
 * Changes the caller's password, and ends all their other sessions.
 *
 * Who holds a session without the password gets no more guesses than somebody without a session.
 * Throws `auth/denied`, `auth/failed`, `auth/locked`, `account/weak-password`.
 */
export async function changeOwnPassword(
  context: AccountContext,
  principal: Principal,
  { current, password, address }: PasswordChange,
): Promise<void> {
  const { db, record, queue } = context;
  const { account: name, person } = principal;
  verifyOwnSession(principal, "change the password");
  verifyPasswordPolicy(password, name, person);
  await queue(`login ${name}`, async () => {
    await verifyNotLocked(context, name);
    const row = await readAccountRow(db, name);
    if (!(await isPassword(current, row.password_hash ?? unmatchable()))) {
      await countFailure(context, { name, known: true, because: "password", address });
      throw new CasemateError(
        "auth/failed",
        `Cannot change the password of ${name}: the current password is wrong.`,
      );
    }
    if (current.normalize("NFKC") === password.normalize("NFKC")) {
      throw new CasemateError(
        "account/weak-password",
        `Cannot set the password of ${name}: it is the one it had, expected another.`,
      );
    }
    const password_hash = await hashPassword(password);
    await queue(changes, async () => {
      await record(accountFact("password-set", name, principal.id, { mustChange: false }));
      await db.transaction().execute(async (transaction) => {
        await transaction
          .updateTable("accounts")
          .set({ password_hash, password_must_change: 0 })
          .where("name", "=", name)
          .execute();
        await transaction
          .deleteFrom("sessions")
          .where("account", "=", name)
          .where("id", "!=", sessionOf(principal))
          .execute();
      });
    });
  });
}
