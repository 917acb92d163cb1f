import { join } from "node:path";
import type { HostAgent, StoragePoolDescription } from "@casemate/agent";
import { refused } from "./refused.ts";

/** libvirt's own name of a host's first pool. */
const usual = "default";

/**
 * The directory for new files: that of the pool that is asked for, or the one that is asked for by its path;
 * else that of the pool `default`, else the only one that the host has.
 *
 * Throws `operation/refused` where there is no such, `storage/outside` for a path that is not open.
 */
export async function findDiskDirectory(
  doing: string,
  host: HostAgent,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const { storage } = host.hypervisor;
  if (asked?.startsWith("/") === true) {
    await storage.verifyPath(join(asked, "file"), signal);
    return asked;
  }
  const pools = (await storage.pools(signal)).filter(isUsable);
  const found = pools.find(({ name }) => name === (asked ?? usual));
  if (found?.path !== undefined) return found.path;
  const directories = await storage.directories(signal);
  const [only] = directories;
  if (asked === undefined && only !== undefined && directories.length === 1) return only;
  const names = pools.map(({ name }) => name).join(", ") || "none";
  throw refused(
    doing,
    asked === undefined
      ? `it is not told where, of ${directories.join(", ")}`
      : `${asked} is no pool`,
    asked === undefined ? "one of them" : `one that runs and is a directory: ${names}`,
  );
}

function isUsable({ state, path, type }: StoragePoolDescription): boolean {
  return state === "running" && path !== undefined && ["dir", "fs", "netfs"].includes(type);
}
