import { CasemateError } from "@casemate/core";

const WHOLE = "Save the VM again; the file contradicts itself.";

/** A stream that contradicts itself. */
export function damaged(seen: string, expected: string): CasemateError {
  return new CasemateError(
    "dump/unreadable",
    `Cannot read a QEMU migration stream: ${seen}, expected ${expected}.`,
    { next: WHOLE },
  );
}

/** A stream that is whole but made in a way that is not read. */
export function unsupported(seen: string, next: string): CasemateError {
  return new CasemateError(
    "dump/unknown-format",
    `Cannot read a QEMU migration stream: ${seen}, expected RAM saved page by page.`,
    { next },
  );
}
