import type { Kysely } from "kysely";
import type { KeyedQueue } from "../keyed-queue.ts";
import type { Tables } from "../store/tables.ts";
import type { RecordFact } from "./account-fact.ts";
import type { Principal } from "./principal.ts";
import type { SecretBox } from "./secret-box.ts";

/** Whether the policy permits the principal this, as it is: `account.establish` or `account.appoint`. */
export type MayAppoint = (principal: Principal, action: string) => boolean;

/** What everything about accounts works with. */
export interface AccountContext {
  readonly db: Kysely<Tables>;
  /** Called before each change is written; when it throws, the change does not happen. */
  readonly record: RecordFact;
  readonly secrets: SecretBox;
  /** One change after another: what a check saw is still so when the change is written. */
  readonly queue: KeyedQueue;
  /** Whether this principal may hand out roles without asking anybody. */
  readonly mayAppoint: MayAppoint;
  now(): Date;
}

/** The queue of changes to accounts; logins have one for each name. */
export const changes = "changes";
