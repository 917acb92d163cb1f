import { CasemateError } from "@casemate/core";

/** "Cannot read ⟨path⟩: ⟨seen⟩, expected ⟨needed⟩." */
export function damaged(path: string, seen: string, needed: string): CasemateError {
  return new CasemateError("scan/damaged", `Cannot read ${path}: ${seen}, expected ${needed}.`);
}
