import type { CasemateError } from "@casemate/core";
import { diskError } from "../disk-error.ts";

/** A part of LVM2's metadata that contradicts itself. */
export function damaged(what: string, seen: string, needed: string): CasemateError {
  return diskError("disk/damaged", `read ${what} of LVM2`, { seen, needed });
}

/** A part that is sound and not read here. */
export function unsupported(what: string, seen: string, needed: string): CasemateError {
  return diskError("disk/unsupported", `read ${what} of LVM2`, { seen, needed });
}
