import type { Milliseconds, NonEmpty } from "@casemate/core";
import type { Role } from "./roles.ts";

/** A policy that decided, and where it stands. */
export interface DecidingPolicy {
  readonly id: string;
  readonly effect: "permit" | "forbid";
  /** The file's name in the policy directory. */
  readonly file: string;
  /** The line its statement starts at, from 1. */
  readonly line: number;
  /** Why the policy is there, in its own words (`@reason`). */
  readonly reason?: string;
}

/** What must be given before a request is permitted. */
export interface Duty {
  readonly kind: "approval";
  /** The policy that asks for it. */
  readonly policy: string;
  readonly by: Role;
  /** How many persons, the requester not among them. */
  readonly count: number;
  /** How long an approval holds. */
  readonly expiresAfter: Milliseconds;
  readonly reason: string;
}

/** The answer to an `AuthorizationRequest`, with the policies that made it so. */
export type Decision =
  | { readonly kind: "permitted"; readonly policies: NonEmpty<DecidingPolicy> }
  | {
      readonly kind: "needs-approval";
      readonly duties: NonEmpty<Duty>;
      /** The duties' policies, then what permits once they are fulfilled. */
      readonly policies: NonEmpty<DecidingPolicy>;
    }
  | {
      readonly kind: "denied";
      /** What forbids it; empty when nothing permits it or it could not be decided. */
      readonly policies: readonly DecidingPolicy[];
      /** One sentence for people. */
      readonly because: string;
    };
