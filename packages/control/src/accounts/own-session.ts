import { CasemateError } from "@casemate/core";
import type { Principal } from "./principal.ts";

/**
 * Throws `auth/denied` unless a person is logged in to their account: how an account is opened is not for
 * tokens to change. `mfaToo` is for accounts that have a second factor: then it must have been used.
 */
export function verifyOwnSession(principal: Principal, what: string, mfaToo = false): void {
  const refuse = (seen: string, needed: string) =>
    new CasemateError("auth/denied", `Cannot ${what}: ${seen}, expected ${needed}.`, {
      next: "Log in with `casemate login`, with your second factor if you have one.",
    });
  if (principal.method !== "session") {
    throw refuse(`${principal.label} came with a token`, "an account's own session");
  }
  if (mfaToo && !principal.mfa) {
    throw refuse("this session began without the second factor", "one that began with it");
  }
}

/** The public name of the session that the principal came with; empty where it is none. */
export function sessionOf({ credential }: Principal): string {
  return credential.startsWith("session:") ? credential.slice("session:".length) : "";
}
