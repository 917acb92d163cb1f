import { CasemateError } from "@casemate/core";

/** A bundle that is none: "it ends without an end mark", "a whole tar archive". */
export function malformedEvidence(seen: string, needed: string, cause?: unknown): CasemateError {
  return new CasemateError(
    "evidence/malformed",
    `Cannot read the evidence bundle: ${seen}, expected ${needed}.`,
    { cause },
  );
}
