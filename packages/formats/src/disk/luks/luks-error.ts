import type { CasemateError } from "@casemate/core";
import { diskError } from "../disk-error.ts";

const doing = "read a LUKS volume";

/** A header that contradicts itself. */
export function damaged(seen: string, needed: string): CasemateError {
  return diskError("disk/damaged", doing, { seen, needed });
}

/** What is sound and not read here. */
export function unsupported(seen: string, needed: string): CasemateError {
  return diskError("disk/unsupported", doing, { seen, needed });
}
