import { chmod, mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { makeDirectory } from "./make-directory.ts";

let runs = 0;

/**
 * A directory of this process alone, named `PID.START.NUMBER`, below `parent`.
 *
 * Those that processes left behind which have ended since are removed.
 */
export async function makeRunDirectory(parent: string, mode: number): Promise<string> {
  await makeDirectory(parent);
  for (const name of await readdir(parent)) {
    const [, pid, start] = /^(\d+)\.(\d+)\.\d+$/.exec(name) ?? [];
    if (pid === undefined || (await readStartTime(pid)) === start) continue;
    await rm(path.join(parent, name), { recursive: true, force: true });
  }
  runs += 1;
  const start = await readStartTime(String(process.pid));
  const directory = path.join(parent, `${process.pid}.${start}.${runs}`);
  await mkdir(directory);
  await chmod(directory, mode); // Whatever the umask.
  return directory;
}

/** When a process started, in clock ticks since boot (proc(5), stat field 22); `undefined` if it is gone. */
async function readStartTime(pid: string): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat
    ?.slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .at(22 - 3);
}
