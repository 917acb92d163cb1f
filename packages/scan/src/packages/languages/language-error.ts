import { CasemateError } from "@casemate/core";

/** "Cannot read ⟨path⟩: ⟨seen⟩, expected ⟨needed⟩." */
export function damaged(
  path: string,
  seen: string,
  needed: string,
  options?: ErrorOptions,
): CasemateError {
  const sentence = `Cannot read ${path}: ${seen}, expected ${needed}.`;
  return new CasemateError("scan/damaged", sentence, options);
}
