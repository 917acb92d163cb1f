import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { CasemateError, type Milliseconds, milliseconds } from "@casemate/core";
import { createJournalEntry, type JournalEntry } from "../journal/journal-entry.ts";
import type { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import { readQemuRun } from "../pause/qemu-run.ts";
import { startWatchdog, type WatchdogProcess } from "../pause/watchdog-process.ts";
import { within } from "../pause/within.ts";
import { endGdbServer } from "./end-gdb-server.ts";
import { GdbConnection } from "./gdb-connection.ts";
import {
  gdbDirectory,
  gdbSocketIn,
  readGdbServer,
  startGdbServer,
  stopGdbServer,
} from "./gdb-server.ts";
import type { KernelCall, KernelCallEnd } from "./kernel-call.ts";
import { placeCall } from "./place-call.ts";

/** How long a guard may take to start and to reach libvirt, in milliseconds. */
const startPatience = 15_000;
/** How long all of it may take beyond the wait before the guard ends it, in milliseconds. */
const grace = 5_000;

/** How long the guest's next interrupt is waited for where nothing else is said. */
export const kernelCallWait = milliseconds(10_000);

export interface KernelCallOptions {
  /** To the libvirt of this machine that runs the VM. */
  readonly connection: LibvirtConnection;
  readonly uuid: string;
  readonly call: KernelCall;
  /** How long the guest's next interrupt is waited for; it runs meanwhile. */
  readonly wait?: Milliseconds;
  /** The directory where stops of VMs are noted for whoever comes after a crash; made if it is missing. */
  readonly journal: string;
}

/**
 * Has the kernel of a running guest call one of its own functions once, through QEMU's GDB server.
 *
 * When this process ends, however it does, or takes too long, a guard ends what it left in the VM: breakpoints
 * and that it stands still; when both have ended, `resumeAbandonedPauses` does
 * (docs/decisions/0015-a-process-is-ended-by-its-own-kernel.md).
 * Throws `guest/*`, `vm/*`, `memory/not-permitted`, `libvirt/*`, `data/not-writable`, `disk/full`, `cancelled`;
 * then the call was not made, but where QEMU stopped answering.
 */
export async function callKernel(
  options: KernelCallOptions,
  signal?: AbortSignal,
): Promise<KernelCallEnd> {
  const { connection, uuid, journal, wait = kernelCallWait } = options;
  const { id, name, state } = await connection.findDomain(uuid, signal);
  if (id === undefined || (state !== "running" && state !== "blocked")) {
    throw new CasemateError(
      "vm/not-running",
      `Cannot call the kernel of ${name}: it is ${state}, expected it to run.`,
    );
  }
  const { run, pid } = readQemuRun(uuid);
  const monitor = { pid, hmp: (line: string) => connection.hmp(uuid, line) };
  const other = await readGdbServer(monitor);
  if (other !== undefined) {
    throw new CasemateError(
      "guest/stopped",
      `Cannot call the kernel of ${name}: QEMU serves GDB at ${other} already, expected nobody to debug it.`,
    );
  }
  const gdb = gdbDirectory(randomUUID());
  const record = { uri: connection.info.uri, name, domainId: id, run, gdb };
  await using entry = await createJournalEntry(journal, "a call of a guest's kernel");
  await entry.write({ ...record, pausedAt: new Date().toISOString() });
  using guard = startGuard({ record, limitMs: wait + grace, entryPath: entry.path }, entry);
  try {
    await guardReady(guard, name, signal);
    await startGdbServer(monitor, gdb);
    const stoppedAt = performance.now();
    using client = await GdbConnection.open(gdbSocketIn(gdb), pid, signal);
    return await placeCall(client, options.call, { wait, stoppedAt }, signal);
  } catch (thrown) {
    // Where this fails the guard goes on trying: its orders end here.
    await endGdbServer(connection, { uuid, pid }, gdb);
    throw thrown;
  } finally {
    await stopGdbServer(monitor, gdb);
    await entry.remove();
    guard.order("thaw");
  }
}

function startGuard(
  task: Parameters<typeof startWatchdog>[0],
  { fd }: JournalEntry,
): WatchdogProcess {
  return startWatchdog(task, fd, join(import.meta.dirname, "guard", "main.ts"));
}

async function guardReady(guard: WatchdogProcess, name: string, signal?: AbortSignal) {
  const failed = () =>
    new CasemateError(
      "libvirt/unreachable",
      `Cannot call the kernel of ${name}: its guard does not start (${guard.describeEnd()}), expected it to reach libvirt.`,
    );
  if ((await within(startPatience, guard.answer(), failed, signal)) === undefined) throw failed();
}
