import { CasemateError } from "@casemate/core";

/** Why an operation cannot work as the world is: "Cannot ⟨do⟩: ⟨what was seen⟩, expected ⟨what was needed⟩." */
export function refused(doing: string, seen: string, needed: string, next?: string): CasemateError {
  const options = next === undefined ? {} : { next };
  return new CasemateError(
    "operation/refused",
    `Cannot ${doing}: ${seen}, expected ${needed}.`,
    options,
  );
}
