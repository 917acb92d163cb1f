import type { JsonObject } from "@casemate/core";
import type { FactDraft } from "@casemate/ledger";

/** Records what is about to happen to accounts; when it throws, it does not happen. */
export type RecordFact = (draft: FactDraft) => Promise<unknown>;

/** What can happen to an account: the second half of the fact's kind. */
export type AccountEvent =
  | "created"
  | "roles-changed"
  | "password-set"
  | "password-rehashed"
  | "locked"
  | "unlocked"
  | "disabled"
  | "enabled"
  | "login-succeeded"
  | "login-failed"
  | "token-issued"
  | "token-revoked"
  | "session-revoked"
  | "passkey-added"
  | "passkey-removed"
  | "totp-added"
  | "totp-removed"
  | "identity-bound"
  | "identity-removed"
  | "bootstrap-revoked";

/** A fact about the account `name`. No secret may stand in `body`. */
export function accountFact(
  event: AccountEvent,
  name: string,
  actor: string,
  body: JsonObject = {},
): FactDraft {
  return { kind: `account/${event}`, actor, subject: `account:${name}`, body };
}
