import { CasemateError, type ErrorCode } from "@casemate/core";

/** "Cannot ⟨doing⟩: ⟨seen⟩, expected ⟨needed⟩." */
export function nbdError(
  code: Extract<ErrorCode, `disk/${string}`>,
  doing: string,
  { seen, needed }: { readonly seen: string; readonly needed: string },
): CasemateError {
  return new CasemateError(code, `Cannot ${doing}: ${seen}, expected ${needed}.`);
}
