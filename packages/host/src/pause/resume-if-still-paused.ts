import { toCasemateError } from "@casemate/core";
import { endGdbServer } from "../gdb/end-gdb-server.ts";
import type { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import { mayBeOurs } from "./may-be-ours.ts";
import type { PauseRecord } from "./pause-record.ts";
import { findQemuRun } from "./qemu-run.ts";

/** What became of a pause: it was ended now, somebody else had ended it, or the VM is not that one any more. */
export type Resumption = "resumed" | "not-paused" | "gone";

/**
 * Resumes the VM that the record names if it is still the same run and still paused as Casemate pauses.
 *
 * Throws `libvirt/*`; then the VM may still be paused.
 */
export async function resumeIfStillPaused(
  connection: LibvirtConnection,
  { run, domainId, gdb }: PauseRecord,
): Promise<Resumption> {
  const pid = findQemuRun(run);
  if (pid === undefined) return "gone";
  try {
    const { id } = await connection.findDomain(run.uuid);
    if (id !== domainId) return "gone";
    if (gdb !== undefined) {
      return (await endGdbServer(connection, { uuid: run.uuid, pid }, gdb))
        ? "resumed"
        : "not-paused";
    }
    if (!mayBeOurs(await connection.pauseReason(run.uuid))) return "not-paused";
    await connection.resume(run.uuid);
    return "resumed";
  } catch (thrown) {
    const { code } = toCasemateError(thrown);
    if (code === "vm/unknown" || code === "vm/not-running") return "gone";
    throw thrown;
  }
}
