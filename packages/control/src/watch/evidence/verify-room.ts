import { CasemateError, formatBytes, readFreeBytes } from "@casemate/core";

/** Throws `disk/full` where the file system of `directory` has not `bytes` free. */
export async function verifyRoom(directory: string, bytes: number): Promise<void> {
  const free = await readFreeBytes(directory);
  if (free >= bytes) return;
  throw new CasemateError(
    "disk/full",
    `Cannot keep evidence in ${directory}: ${formatBytes(free)} are free there, expected ${formatBytes(bytes)} at least.`,
    { next: "Free space there: `casemate evidence list` says what bundles take." },
  );
}
