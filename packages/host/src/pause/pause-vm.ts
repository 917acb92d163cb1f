import { CasemateError, type Milliseconds } from "@casemate/core";
import { createJournalEntry } from "../journal/journal-entry.ts";
import type { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import { ForeignPause } from "./foreign-pause.ts";
import { OwnPause } from "./own-pause.ts";
import type { Pause } from "./pause.ts";
import { pauseLimit, verifyPauseLimit } from "./pause-limit.ts";
import { readQemuRun } from "./qemu-run.ts";
import { startWatchdog } from "./watchdog-process.ts";
import { within } from "./within.ts";

/** How long a watchdog may take to start and to reach libvirt, in milliseconds. */
const startPatience = 15_000;

export interface PauseOptions {
  /** To the libvirt of this machine that runs the VM. */
  readonly connection: LibvirtConnection;
  readonly uuid: string;
  /** When the VM is resumed whatever the reader does: 1 ms to 5 s, 50 ms unless given. */
  readonly limit?: Milliseconds | undefined;
  /** The directory where pauses are noted for whoever comes after a crash; made if it is missing. */
  readonly journal: string;
}

/**
 * Pauses a VM of QEMU on this machine for a moment. A VM that somebody else has paused stays as it is.
 *
 * When this process ends, however it does, or the limit is over, a watchdog resumes the VM; when the watchdog
 * ends, this process does; when both have ended, `resumeAbandonedPauses` does
 * (docs/decisions/0005-pausing-is-guarded-twice.md).
 * Throws `usage`, `vm/*`, `memory/not-permitted`, `libvirt/*`, `data/not-writable`, `disk/full`, `cancelled`;
 * then the VM was not paused, or is resumed as soon as libvirt can.
 */
export async function pauseVm(options: PauseOptions, signal?: AbortSignal): Promise<Pause> {
  const { connection, uuid, limit = pauseLimit.standard, journal } = options;
  verifyPauseLimit(limit);
  const domain = await connection.findDomain(uuid, signal);
  const { id, name, state } = domain;
  if (state === "paused") return new ForeignPause(connection, domain);
  if (id === undefined) {
    throw new CasemateError(
      "vm/not-running",
      `Cannot pause ${name}: it is ${state}, expected it to run.`,
    );
  }
  const task = { uri: connection.info.uri, name, domainId: id, run: readQemuRun(uuid).run };

  await using undo = new AsyncDisposableStack();
  const entry = undo.use(await createJournalEntry(journal, "a pause"));
  undo.defer(() => entry.remove());
  const watchdog = undo.use(
    startWatchdog({ record: task, limitMs: limit, entryPath: entry.path }, entry.fd),
  );
  const failed = () =>
    new CasemateError(
      "libvirt/unreachable",
      `Cannot pause ${name}: its watchdog does not start (${watchdog.describeEnd()}), expected it to reach libvirt.`,
    );
  const ready = await within(startPatience, watchdog.answer(), failed, signal);
  if (ready === undefined) throw failed();
  const record = { ...task, pausedAt: new Date().toISOString() };
  await entry.write(record);
  undo.move(); // from here on it is the pause's to look after
  const pause = await OwnPause.begin({ connection, record, watchdog, entry }, signal);
  return pause ?? new ForeignPause(connection, domain);
}
