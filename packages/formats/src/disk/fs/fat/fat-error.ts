import type { CasemateError } from "@casemate/core";
import { diskError } from "../../disk-error.ts";

/** A part of a FAT file system that contradicts itself. */
export function damaged(what: string, seen: string, needed: string): CasemateError {
  return diskError("disk/damaged", `read ${what} of a FAT file system`, { seen, needed });
}
