import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";
import { digestBearer, newBearer } from "./bearer.ts";
import { bootstrapPrincipal, localPrincipal, type Principal } from "./principal.ts";

export type { Principal } from "./principal.ts";

/** The two tokens that belong to no account: the local client file's, and the one that makes the first owner. */
const builtIn = {
  "local client": localPrincipal,
  bootstrap: bootstrapPrincipal,
} as const satisfies Record<string, Principal>;

type BuiltInLabel = keyof typeof builtIn;

/** The tokens of this installation itself. Only their SHA-256 is kept: 256 random bits need no slower hash. */
export interface Tokens {
  /** Makes the local client's token in place of an earlier one, and returns its text: the only time it is seen. */
  issueLocal(): Promise<string>;
  revokeLocal(): Promise<void>;
  /** The bootstrap token the first time it is asked for; then `undefined`, whatever became of it. */
  takeBootstrap(): Promise<string | undefined>;
  /** Whether the bootstrap token opens anything: until there is an owner. */
  hasBootstrap(): Promise<boolean>;
  /** Whose token this is; `undefined` when it is unknown. */
  read(text: string): Promise<Principal | undefined>;
}

/** Every token of Casemate starts with two letters that say whose it is: `cm_` these, `cs_` sessions, `ct_` accounts' tokens. */
const prefix = "cm_";

/** Kept when the token itself is revoked: it is given once in the life of a data directory. */
const bootstrapGiven = "accounts/bootstrap-given";

export function tokensIn(db: Kysely<Tables>): Tokens {
  const issue = async (label: BuiltInLabel): Promise<string> => {
    const { text, sha256 } = newBearer(prefix);
    await db.transaction().execute(async (transaction) => {
      await transaction.deleteFrom("tokens").where("label", "=", label).execute();
      const created_at = new Date().toISOString();
      const values = { sha256, label, scope: "admin", created_at, expires_at: null };
      await transaction.insertInto("tokens").values(values).execute();
    });
    return text;
  };
  return {
    async issueLocal() {
      return await issue("local client");
    },

    async revokeLocal() {
      await db.deleteFrom("tokens").where("label", "=", "local client").execute();
    },

    async takeBootstrap() {
      const given = await db
        .selectFrom("settings")
        .select("key")
        .where("key", "=", bootstrapGiven)
        .union(db.selectFrom("tokens").select("label as key").where("label", "=", "bootstrap"))
        .executeTakeFirst();
      if (given !== undefined) return undefined;
      const value = new Date().toISOString();
      await db.insertInto("settings").values({ key: bootstrapGiven, value }).execute();
      return await issue("bootstrap");
    },

    async hasBootstrap() {
      const row = await db
        .selectFrom("tokens")
        .select("label")
        .where("label", "=", "bootstrap")
        .executeTakeFirst();
      return row !== undefined;
    },

    async read(text) {
      // Looked up by digest: how long that takes tells nothing about any token's text.
      const row = await db
        .selectFrom("tokens")
        .select("label")
        .where("sha256", "=", digestBearer(text))
        .executeTakeFirst();
      return row === undefined || !isBuiltIn(row.label) ? undefined : builtIn[row.label];
    },
  };
}

function isBuiltIn(label: string): label is BuiltInLabel {
  return Object.hasOwn(builtIn, label);
}
