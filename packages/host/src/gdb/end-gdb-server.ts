import type { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import { GdbConnection } from "./gdb-connection.ts";
import { gdbSocketIn, readGdbServer, startGdbServer, stopGdbServer } from "./gdb-server.ts";

/**
 * Ends what a GDB server in `directory` left in a VM: its breakpoints, and that it stands still. A VM that
 * somebody paused stays so. Whether it was resumed. Throws `libvirt/*`; then it may still be stopped.
 */
export async function endGdbServer(
  connection: LibvirtConnection,
  { uuid, pid }: { readonly uuid: string; readonly pid: number },
  directory: string,
): Promise<boolean> {
  const monitor = { pid, hmp: (line: string) => connection.hmp(uuid, line) };
  const address = await readGdbServer(monitor);
  // Another's is not ours to end, and whoever began it has what the VM does in hand.
  if (address !== undefined && !address.includes(directory)) return false;
  const isOurs = await isStoppedByGdb(connection, uuid);
  // Anew, for one client at a time is served and who was may be at a stop; also where there is none: who ended
  // it may have come no further.
  if (address !== undefined) await stopGdbServer(monitor, directory);
  await startGdbServer(monitor, directory);
  const gdb = await GdbConnection.open(gdbSocketIn(directory), pid);
  try {
    if (isOurs) await gdb.detachWith();
  } finally {
    gdb[Symbol.dispose]();
    await stopGdbServer(monitor, directory);
  }
  return isOurs;
}

/** Whether the VM runs, and would but for the GDB server; libvirt knows no reason for a stop that it did not ask for. */
async function isStoppedByGdb(connection: LibvirtConnection, uuid: string): Promise<boolean> {
  const reason = await connection.pauseReason(uuid);
  return reason === undefined || reason === "unknown";
}
