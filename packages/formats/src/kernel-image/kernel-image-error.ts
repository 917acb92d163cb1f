import { CasemateError } from "@casemate/core";

/** A kernel image that is damaged, or made in a way that is not read here. */
export function unreadable(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "disk/unsupported",
    `Cannot read a kernel image: ${seen}, expected ${needed}.`,
  );
}
