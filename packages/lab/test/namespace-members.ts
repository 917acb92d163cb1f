import { readdir, readlink } from "node:fs/promises";

/** The namespaces of a process: `pid:[4026532441]`. */
export function readNamespaces(pid: number): Promise<string[]> {
  return Promise.all(["pid", "net", "mnt"].map((kind) => readlink(`/proc/${pid}/ns/${kind}`)));
}

/** Names of the executables that live in one of the namespaces. */
export async function readMembers(namespaces: readonly string[]): Promise<string[]> {
  const members: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const own = await readNamespaces(Number(pid));
      if (!own.some((namespace) => namespaces.includes(namespace))) continue;
      members.push((await readlink(`/proc/${pid}/exe`)).replace(/.*\//, ""));
    } catch {
      // It ended while it was looked at.
    }
  }
  return members.sort();
}
