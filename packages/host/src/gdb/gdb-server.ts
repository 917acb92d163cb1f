import { chown, mkdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";

/** A running QEMU whose monitor can be asked. */
export interface MonitoredQemu {
  /** The process id of the QEMU. */
  readonly pid: number;
  /** What the human monitor prints for a line. */
  hmp(line: string): Promise<string>;
}

/** What QEMU calls the character device of its GDB server (gdbstub.c). */
const LABEL = "gdb";

/** Where the socket of a GDB server is, in a directory of its own. */
export function gdbSocketIn(directory: string): string {
  return join(directory, "gdb");
}

/** A directory name for a GDB server's socket. */
export function gdbDirectory(id: string): string {
  // Where QEMU sees it: libvirt's own directories are not ours to write.
  return join(tmpdir(), `casemate-gdb-${id}`);
}

/** Has QEMU serve GDB at a socket in `directory`, in place of a server that is there. Throws `libvirt/*`. */
export async function startGdbServer(
  { pid, hmp }: MonitoredQemu,
  directory: string,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { uid, gid } = await stat(`/proc/${pid}`);
  await chown(directory, uid, gid);
  const said = await hmp(`gdbserver unix:${gdbSocketIn(directory)},server=on,wait=off`);
  if (/^Waiting for gdb connection/.test(said.trim())) return;
  throw new CasemateError(
    "libvirt/failed",
    `Cannot have QEMU serve GDB: it says "${said.trim().slice(0, 200)}", expected it to listen at ${directory}.`,
  );
}

/** Has QEMU serve GDB no more, and removes the directory. Breakpoints and the VM's state stay as they are. */
export async function stopGdbServer({ hmp }: MonitoredQemu, directory: string): Promise<void> {
  await hmp("gdbserver none");
  await rm(directory, { recursive: true, force: true });
}

/** The address that QEMU serves GDB at; `undefined` where it does not. */
export async function readGdbServer({
  hmp,
}: Pick<MonitoredQemu, "hmp">): Promise<string | undefined> {
  for (const line of (await hmp("info chardev")).split("\n")) {
    const [, address] = new RegExp(`^${LABEL}: filename=(.*)`).exec(line.trim()) ?? [];
    if (address !== undefined) return address;
  }
  return undefined;
}
