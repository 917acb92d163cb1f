import type { HostAgent } from "@casemate/agent";
import { findDiskUsers } from "./find-disk-users.ts";
import { refused } from "./refused.ts";

/** Throws `operation/refused` where a VM other than `except` uses one of the files, and says which. */
export async function verifyUnused(
  doing: string,
  host: HostAgent,
  paths: readonly string[],
  except: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const [user] = await findDiskUsers(doing, host, new Set(paths), except, signal);
  if (user === undefined) return;
  throw refused(
    doing,
    `${user.path} is a ${user.as} of ${user.vm} (${user.target})`,
    "a file that no other VM uses",
  );
}
