import { createHash, randomBytes, randomUUID } from "node:crypto";
import { CasemateError } from "@casemate/core";
import type { Kysely, Selectable } from "kysely";
import type { Principal } from "../accounts/principal.ts";
import type { FactLog } from "../facts/fact-log.ts";
import type { Tables } from "../store/tables.ts";
import type { Gate } from "./gate.ts";

/** A sealed way past approvals: made ahead, kept by people, good for one request, reviewed afterwards. */
export interface BreakGlass {
  /** Makes a code in place of one that was not used, and returns its text: the only time it is seen. */
  seal(principal: Principal): Promise<string>;
  /**
   * Uses the code up for one request, and returns the reason as it was given.
   *
   * Throws `auth/denied`, `breakglass/wrong-code`, `breakglass/locked`, `breakglass/unreviewed`.
   */
  use(use: {
    readonly code: string;
    readonly reason: string;
    readonly principal: Principal;
    readonly requestId: string;
  }): Promise<string>;
  list(): Promise<readonly BreakGlassUse[]>;
  /** Another person's word on a use. Throws `breakglass/unknown`, `request/own`, `auth/denied`. */
  review(id: string, principal: Principal, note: string): Promise<void>;
}

export interface BreakGlassUse {
  readonly id: string;
  readonly usedAt: string;
  readonly account: string;
  readonly person: string;
  readonly requestId: string;
  readonly reason: string;
  readonly reviewedAt: string | null;
  readonly reviewedBy: string | null;
  readonly note: string | null;
}

/** After so many wrong codes none is taken for so long, in milliseconds. */
const lockOut = { failures: 3, within: 15 * 60_000 };

/** `loud` hears of every use, at once. */
export function breakGlassIn(
  db: Kysely<Tables>,
  facts: FactLog,
  gate: Gate,
  loud: (use: BreakGlassUse) => void,
): BreakGlass {
  const failures: number[] = [];
  const verifyRight = (principal: Principal, action: string) =>
    gate.verify({ principal, actions: [action], resource: { kind: "system" } });

  const takeCode = async (code: string, principal: Principal) => {
    const recent = failures.filter((at) => at > Date.now() - lockOut.within);
    failures.splice(0, failures.length, ...recent);
    if (recent.length >= lockOut.failures) {
      throw new CasemateError(
        "breakglass/locked",
        `Cannot break the glass: ${recent.length} wrong codes were given in ${lockOut.within / 60_000} minutes.`,
      );
    }
    const sealed = await db
      .deleteFrom("break_glass_codes")
      .where("sha256", "=", digest(code))
      .executeTakeFirst();
    if (sealed.numDeletedRows > 0n) return;
    failures.push(Date.now());
    await facts.record({
      kind: "breakglass/refused",
      actor: principal.id,
      subject: "system",
      body: { failures: recent.length + 1 },
    });
    throw new CasemateError(
      "breakglass/wrong-code",
      "Cannot break the glass: this is not the sealed code.",
    );
  };

  return {
    async seal(principal) {
      verifyRight(principal, "breakglass.seal");
      const code = `bg_${randomBytes(20).toString("base64url")}`;
      await facts.record({
        kind: "breakglass/sealed",
        actor: principal.id,
        subject: "system",
        body: {},
      });
      const sealed_at = new Date().toISOString();
      await db.transaction().execute(async (transaction) => {
        await transaction.deleteFrom("break_glass_codes").execute();
        await transaction
          .insertInto("break_glass_codes")
          .values({ sha256: digest(code), sealed_at })
          .execute();
      });
      return code;
    },

    async use({ code, reason, principal, requestId }) {
      verifyRight(principal, "breakglass.use");
      const { account, person } = principal;
      const open = await db
        .selectFrom("break_glass_uses")
        .select("id")
        .where("person", "=", person)
        .where("reviewed_at", "is", null)
        .executeTakeFirst();
      if (open !== undefined) {
        throw new CasemateError(
          "breakglass/unreviewed",
          `Cannot break the glass: nobody has reviewed use ${open.id} of ${person} yet.`,
        );
      }
      await takeCode(code, principal);
      const id = randomUUID();
      const fact = await facts.record({
        kind: "breakglass/used",
        actor: principal.id,
        subject: "system",
        body: { use: id, person, request: requestId },
        sealed: { reason },
      });
      const row = {
        ...{ id, used_at: fact.time, account, person, request_id: requestId, reason },
        ...{ reviewed_at: null, reviewed_by: null, note: null },
      };
      await db.insertInto("break_glass_uses").values(row).execute();
      loud(asUse(row));
      return reason;
    },

    async list() {
      const rows = await db
        .selectFrom("break_glass_uses")
        .selectAll()
        .orderBy("used_at", "desc")
        .execute();
      return rows.map(asUse);
    },

    async review(id, principal, note) {
      verifyRight(principal, "breakglass.review");
      const row = await db
        .selectFrom("break_glass_uses")
        .selectAll()
        .where("id", "=", id)
        .executeTakeFirst();
      if (row === undefined || row.reviewed_at !== null) {
        throw new CasemateError(
          "breakglass/unknown",
          `Cannot review use ${id}: there is none that awaits a review.`,
        );
      }
      if (row.person === principal.person) {
        throw new CasemateError(
          "request/own",
          `Cannot review use ${id}: it is ${principal.person}'s own, expected another person.`,
        );
      }
      const fact = await facts.record({
        kind: "breakglass/reviewed",
        actor: principal.id,
        subject: "system",
        body: { use: id },
        sealed: { note },
      });
      await db
        .updateTable("break_glass_uses")
        .set({ reviewed_at: fact.time, reviewed_by: principal.account, note })
        .where("id", "=", id)
        .execute();
    },
  };
}

/** 160 random bits need no slower hash. */
function digest(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}

function asUse(row: Selectable<Tables["break_glass_uses"]>): BreakGlassUse {
  return {
    id: row.id,
    usedAt: row.used_at,
    account: row.account,
    person: row.person,
    requestId: row.request_id,
    reason: row.reason,
    reviewedAt: row.reviewed_at,
    reviewedBy: row.reviewed_by,
    note: row.note,
  };
}
