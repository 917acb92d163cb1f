import { createPublicKey, verify } from "node:crypto";
import { CasemateError } from "@casemate/core";
import type { Kysely } from "kysely";
import type { Principal } from "../accounts/principal.ts";
import type { FactLog } from "../facts/fact-log.ts";
import { keyedQueue } from "../keyed-queue.ts";
import type { Tables } from "../store/tables.ts";
import { approvalText } from "./approval-text.ts";
import type { Approval } from "./request.ts";

/** The keys that people sign their approvals with; the private halves never come here. */
export interface ApprovalKeys {
  /**
   * Makes `publicKey` (Ed25519, raw, base64) the account's own; nothing where it is already. Throws `usage`,
   * `request/key-there`.
   */
  add(principal: Principal, publicKey: string): Promise<void>;
  /** The account's key; undefined where it has none. */
  find(account: string): Promise<string | undefined>;
  /** Takes the account's key away, so that it can have another. */
  revoke(account: string, by: Principal): Promise<void>;
  /**
   * The signature, if it is the account's own over this very plan; null where the account has no key.
   *
   * Throws `request/signature`.
   */
  verify(
    principal: Principal,
    request: string,
    planHash: string,
    signature: Approval["signature"] | undefined,
  ): Promise<Approval["signature"]>;
}

export function approvalKeysIn(db: Kysely<Tables>, facts: FactLog): ApprovalKeys {
  const find = async (account: string) => {
    const row = await db
      .selectFrom("approval_keys")
      .select("public_key")
      .where("account", "=", account)
      .executeTakeFirst();
    return row?.public_key;
  };
  /** Whoever approves several requests for the first time at once adds the key as often. */
  const inTurn = keyedQueue();
  const add = async ({ account, id }: Principal, publicKey: string) => {
    const known = await find(account);
    if (known === publicKey) return;
    if (known !== undefined) {
      throw new CasemateError(
        "request/key-there",
        `Cannot add an approval key: ${account} has one, expected none.`,
      );
    }
    await facts.record({
      kind: "account/approval-key-added",
      actor: id,
      subject: `account:${account}`,
      body: { publicKey },
    });
    await db
      .insertInto("approval_keys")
      .values({ account, public_key: publicKey, created_at: new Date().toISOString() })
      .execute();
  };
  const revoke = async (account: string, by: Principal) => {
    await facts.record({
      kind: "account/approval-key-revoked",
      actor: by.id,
      subject: `account:${account}`,
      body: {},
    });
    await db.deleteFrom("approval_keys").where("account", "=", account).execute();
  };
  return {
    find,
    async add(principal, publicKey) {
      readKey(publicKey);
      await inTurn(principal.account, () => add(principal, publicKey));
    },
    revoke: (account, by) => inTurn(account, () => revoke(account, by)),
    async verify({ account }, request, planHash, signature) {
      const key = await find(account);
      if (key === undefined && signature === undefined) return null;
      const refuse = (seen: string) =>
        new CasemateError(
          "request/signature",
          `Cannot approve request ${request}: ${seen}, expected one by the approval key of ${account}.`,
        );
      if (signature === undefined || signature === null) throw refuse("there is no signature");
      if (signature.publicKey !== key) throw refuse("the signature is by another key");
      const text = Buffer.from(approvalText(request, planHash));
      const value = Buffer.from(signature.value, "base64");
      if (!verify(null, text, readKey(key), value))
        throw refuse("the signature is not of this plan");
      return signature;
    },
  };
}

/** A raw Ed25519 key (RFC 8032) in the shell that Node takes: JWK, RFC 8037. */
function readKey(publicKey: string) {
  const raw = Buffer.from(publicKey, "base64");
  if (raw.length !== 32 || raw.toString("base64") !== publicKey) {
    throw new CasemateError(
      "usage",
      `Cannot read the approval key: it has ${raw.length} bytes, expected 32 as base64.`,
    );
  }
  const x = raw.toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
