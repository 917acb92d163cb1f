import { CasemateError, type ErrorCode } from "@casemate/core";

/** The sentence of an error of a feed. */
export function feedError(
  code: Extract<ErrorCode, `feed/${string}`>,
  action: string,
  {
    seen,
    needed,
    cause,
  }: { readonly seen: string; readonly needed: string; readonly cause?: unknown },
): CasemateError {
  return new CasemateError(code, `Cannot ${action}: ${seen}, expected ${needed}.`, { cause });
}
