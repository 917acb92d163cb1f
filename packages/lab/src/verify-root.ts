import { CasemateError } from "@casemate/core";

/** Throws `system/not-permitted` unless root runs this process. */
export function verifyRoot(doing: string): void {
  const uid = process.getuid?.();
  if (uid === 0) return;
  throw new CasemateError(
    "system/not-permitted",
    `Cannot ${doing}: user ${uid} runs this, expected root.`,
  );
}
