import type { VisitedFile } from "../visitor.ts";
import type { FileState } from "./file-change.ts";

/** A file as the result tells of it. Throws `disk/*`. */
export function describeFile(file: VisitedFile): FileState {
  const { type, mode, uid, gid, size, modifiedMs } = file.stat;
  const modified = new Date(modifiedMs);
  return {
    ...{ type, mode: mode.toString(8).padStart(4, "0"), uid, gid, size },
    ...(Number.isNaN(modified.getTime()) ? {} : { modified: modified.toISOString() }),
    ...(type === "symlink" ? { target: file.target() } : {}),
  };
}
