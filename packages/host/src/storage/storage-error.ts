import { CasemateError } from "@casemate/core";

/** A file system's error as people should see it. */
export function storageError(doing: string, cause: unknown): CasemateError {
  if (cause instanceof CasemateError) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const words = cause instanceof Error ? cause.message : String(cause);
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new CasemateError("disk/full", `Cannot ${doing}: the file system is full.`, { cause });
    case "EEXIST":
      return new CasemateError(
        "storage/exists",
        `Cannot ${doing}: something is there already, expected nothing.`,
        { cause },
      );
    case "ENOENT":
      return new CasemateError("storage/unknown", `Cannot ${doing}: nothing is there.`, { cause });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new CasemateError("system/not-permitted", `Cannot ${doing}: ${words}.`, { cause });
    case "ABORT_ERR":
      return new CasemateError("cancelled", `Cannot ${doing}: it was cancelled.`, { cause });
    default:
      return new CasemateError("image/unreadable", `Cannot ${doing}: ${words}.`, { cause });
  }
}
