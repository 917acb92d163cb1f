import { rm } from "node:fs/promises";
import { CasemateError, toCasemateError } from "@casemate/core";
import { walkAbandonedEntries } from "../journal/journal-entry.ts";
import { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import { type PauseRecord, parsePauseRecord } from "./pause-record.ts";
import { findQemuRun } from "./qemu-run.ts";
import { type Resumption, resumeIfStillPaused } from "./resume-if-still-paused.ts";

/** A VM that a Casemate which ended had left paused. */
export interface AbandonedPause {
  readonly uuid: string;
  /** HOSTILE: whoever defined the VM chose it. */
  readonly name: string;
  readonly pausedAt: Date;
  /** Why it could not be resumed and is still in the journal; `undefined` when it runs again. */
  readonly failure: CasemateError | undefined;
}

/**
 * Resumes the VMs that the journal in `directory` says are paused and that nobody looks after any more.
 *
 * Only the very run that was paused, and only while it still is: a VM that was stopped, started again, or
 * resumed since is left alone and its entry dropped, without a word. Pauses under way are not touched.
 */
export async function resumeAbandonedPauses(
  directory: string,
  signal?: AbortSignal,
): Promise<readonly AbandonedPause[]> {
  const told: AbandonedPause[] = [];
  for await (const { entry, record } of walkAbandonedEntries(directory, parsePauseRecord)) {
    signal?.throwIfAborted();
    if (record === undefined) {
      await entry.remove();
      continue;
    }
    const { run, name, pausedAt } = record;
    const pause = { uuid: run.uuid, name, pausedAt: new Date(pausedAt) };
    try {
      const resumption = await resume(record, signal);
      await entry.remove();
      if (resumption === "resumed") told.push({ ...pause, failure: undefined });
    } catch (cause) {
      told.push({ ...pause, failure: stillPaused(record, cause) });
    }
  }
  return told;
}

async function resume(record: PauseRecord, signal?: AbortSignal): Promise<Resumption> {
  // Asked first without libvirt: that of a lab is gone with its VMs.
  if (findQemuRun(record.run) === undefined) {
    if (record.gdb !== undefined) await rm(record.gdb, { recursive: true, force: true });
    return "gone";
  }
  await using connection = await LibvirtConnection.open(record.uri, {}, signal);
  return await resumeIfStillPaused(connection, record);
}

function stillPaused({ name }: PauseRecord, thrown: unknown): CasemateError {
  const cause = toCasemateError(thrown);
  return new CasemateError(
    "vm/still-paused",
    `Cannot resume ${name}, which a Casemate that ended had paused: ${cause.message}`,
    { cause },
  );
}
