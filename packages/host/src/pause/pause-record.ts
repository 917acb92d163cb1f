import type { QemuRun } from "./qemu-run.ts";

/** What the journal keeps of a pause: enough to resume this very run of the VM, and no other. */
export interface PauseRecord {
  /** The libvirt that runs the VM. */
  readonly uri: string;
  /** HOSTILE: whoever defined the VM chose it. */
  readonly name: string;
  /** libvirt's number of the run. */
  readonly domainId: number;
  readonly run: QemuRun;
  /** When the pause was about to begin, ISO 8601 in UTC. */
  readonly pausedAt: string;
  /** The directory of the GDB server that QEMU was told to open, where it stops the VM. */
  readonly gdb?: string;
}

/** The record in the text of a journal entry; `undefined` when it is not whole: then nothing was paused yet. */
export function parsePauseRecord(text: string): PauseRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // cut short while it was written
  }
  return isPauseRecord(value) ? value : undefined;
}

function isPauseRecord(value: unknown): value is PauseRecord {
  if (!isRecord(value) || !isRecord(value["run"])) return false;
  const { uri, name, domainId, pausedAt, run } = value;
  const gdb = value["gdb"] ?? "";
  return (
    [gdb, uri, name, pausedAt, run["uuid"], run["bootId"]].every(
      (word) => typeof word === "string",
    ) && [domainId, run["startTicks"]].every((number) => Number.isSafeInteger(number))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
