import { CasemateError } from "@casemate/core";

/** `package/malformed`: something in a package is not as DSP0243 has it. */
export function malformedPackage(seen: string, expected: string, cause?: unknown): CasemateError {
  return new CasemateError(
    "package/malformed",
    `Cannot read the package: ${seen}, expected ${expected}.`,
    cause === undefined ? {} : { cause },
  );
}
