import { CasemateError } from "@casemate/core";
import { readAccountRow } from "./account.ts";
import { type AccountContext, changes } from "./account-context.ts";
import { accountFact } from "./account-fact.ts";
import { verifyMayOpen } from "./appointing.ts";
import type { Principal } from "./principal.ts";

/** Whom an OpenID provider knows an account's person as. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

/** Which account a provider's subject logs in to: an owner says so, never the provider. */
export interface Identities {
  list(account: string): Promise<readonly Identity[]>;
  /**
   * Throws `account/unknown`, `account/exists` where the subject is bound already, `account/needs-appointment`
   * where the account has roles.
   */
  bind(account: string, identity: Identity, actor: Principal): Promise<void>;
  /** Throws `account/unknown`. */
  remove(account: string, identity: Identity, actor: Principal): Promise<void>;
}

export function identitiesIn(context: AccountContext): Identities {
  const { db, record, queue, now } = context;
  const find = async ({ issuer, subject }: Identity) =>
    await db
      .selectFrom("identities")
      .select("account")
      .where("issuer", "=", issuer)
      .where("subject", "=", subject)
      .executeTakeFirst();
  return {
    async list(account) {
      return await db
        .selectFrom("identities")
        .select(["issuer", "subject"])
        .where("account", "=", account)
        .execute();
    },

    async bind(account, { issuer, subject }, actor) {
      await queue(changes, async () => {
        await verifyMayOpen(context, actor, await readAccountRow(db, account));
        const bound = await find({ issuer, subject });
        if (bound !== undefined) {
          throw new CasemateError(
            "account/exists",
            `Cannot bind ${JSON.stringify(subject)} of ${issuer} to ${account}: it is ${bound.account}'s, expected one that is nobody's.`,
          );
        }
        await record(accountFact("identity-bound", account, actor.id, { issuer, subject }));
        const created_at = now().toISOString();
        await db
          .insertInto("identities")
          .values({ issuer, subject, account, created_at })
          .execute();
      });
    },

    async remove(account, { issuer, subject }, actor) {
      await queue(changes, async () => {
        const bound = await find({ issuer, subject });
        if (bound?.account !== account) {
          throw new CasemateError(
            "account/unknown",
            `Cannot release ${JSON.stringify(subject)} of ${issuer}: it is not ${account}'s.`,
          );
        }
        await record(accountFact("identity-removed", account, actor.id, { issuer, subject }));
        await db
          .deleteFrom("identities")
          .where("issuer", "=", issuer)
          .where("subject", "=", subject)
          .execute();
      });
    },
  };
}
