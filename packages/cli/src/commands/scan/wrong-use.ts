import { CasemateError } from "@casemate/core";

/** A scan that cannot be asked for so. */
export function wrongUse(seen: string): CasemateError {
  return new CasemateError("usage", `Cannot scan: ${seen}.`, {
    next: "Run `casemate scan --help` to see what it takes.",
  });
}
