import { CasemateError } from "@casemate/core";

/** @param name as `731@1084.55`: its number, and its start in seconds since the guest's boot. */
export function processNotFound(name: string): CasemateError {
  return new CasemateError(
    "inspect/not-found",
    `Cannot find process ${name}: the guest has none of this number and start, expected one that runs.`,
  );
}
