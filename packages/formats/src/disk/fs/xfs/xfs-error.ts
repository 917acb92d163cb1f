import type { CasemateError } from "@casemate/core";
import { diskError } from "../../disk-error.ts";

/** A part of an XFS file system that contradicts itself. */
export function damaged(what: string, seen: string, needed: string): CasemateError {
  return diskError("disk/damaged", `read ${what} of an XFS file system`, { seen, needed });
}

/** A part that is sound and not read here. */
export function unsupported(what: string, seen: string, needed: string): CasemateError {
  return diskError("disk/unsupported", `read ${what} of an XFS file system`, { seen, needed });
}
