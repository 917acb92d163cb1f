import type { CasemateError, ErrorCode } from "@casemate/core";

/** Something that could not be looked at, and why: never the same as "nothing there". */
export interface Missed {
  /** A path in the system, a volume, or the id of a collector that ended early. */
  readonly what: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

export function missedBy(what: string, { code, message }: CasemateError): Missed {
  return { what, code, reason: message };
}
