import { CasemateError } from "@casemate/core";
import { joinDuties } from "@casemate/policy";
import type { Principal } from "../accounts/principal.ts";
import type { OperationRequest } from "./request.ts";

/** `auth/denied`. */
export function denied(
  { operation }: { readonly operation: string },
  { account }: Principal,
  because: string | null,
): CasemateError {
  return new CasemateError(
    "auth/denied",
    `Cannot do ${operation} as ${account}: ${because ?? "no policy permits it."}`,
  );
}

/** `request/awaiting-approval`. */
export function awaiting({ id, operation, duties }: OperationRequest): CasemateError {
  const who = joinDuties(duties)
    .map(({ by, count }) => `${count} ${by}`)
    .join(" and ");
  return new CasemateError(
    "request/awaiting-approval",
    `Cannot do ${operation} yet: request ${id} awaits the approval of ${who}.`,
  );
}

/** `request/not-open`. @param verb what cannot be done. */
export function notOpen(
  { id, state }: Pick<OperationRequest, "id" | "state">,
  verb: string,
): CasemateError {
  return new CasemateError(
    "request/not-open",
    `Cannot ${verb} request ${id}: it is ${state}, expected it to be open.`,
  );
}
