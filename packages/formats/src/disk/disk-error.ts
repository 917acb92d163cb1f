import { CasemateError, type ErrorCode } from "@casemate/core";

type DiskErrorCode = Extract<ErrorCode, `disk/${string}`>;

/** "Cannot ⟨doing⟩: ⟨seen⟩, expected ⟨needed⟩." */
export function diskError(
  code: DiskErrorCode,
  doing: string,
  { seen, needed }: { readonly seen: string; readonly needed: string },
  cause?: unknown,
): CasemateError {
  const options = cause === undefined ? {} : { cause };
  return new CasemateError(code, `Cannot ${doing}: ${seen}, expected ${needed}.`, options);
}
