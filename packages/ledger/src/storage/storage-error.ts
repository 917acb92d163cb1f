import { CasemateError } from "@casemate/core";

/** What the file system said about `path`, as an error people can act on; anything else as it was. */
export function storageError(thrown: unknown, path: string): unknown {
  if (thrown instanceof CasemateError || !(thrown instanceof Error) || !("code" in thrown)) {
    return thrown;
  }
  const options = { cause: thrown };
  switch (thrown.code) {
    case "ENOSPC":
    case "EDQUOT":
      return new CasemateError(
        "disk/full",
        `Cannot write ${path}: no space is left on its file system.`,
        options,
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTDIR":
    case "ENOENT":
    case "EIO":
      return new CasemateError(
        "data/not-writable",
        `Cannot write ${path}: the system says ${thrown.code}, expected a directory this user may write.`,
        options,
      );
    default:
      return thrown;
  }
}

/** Whether the file system said that nothing is there. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
}
