/** Whether the system says that a file system, or its quota, has no room (errno(3): ENOSPC, EDQUOT). */
export function isDiskFull(thrown: unknown): boolean {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT";
}
