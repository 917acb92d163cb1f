import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseQemuRun, type QemuRun } from "../../pause/qemu-run.ts";

/** What the journal keeps of a VM whose disks are followed: enough to end it, and nothing else. */
export interface FollowRecord {
  /** The libvirt that runs the VM. */
  readonly uri: string;
  readonly run: QemuRun;
  /** What the names of its bitmaps and exports in QEMU begin with. */
  readonly prefix: string;
}

/** The directory where it is noted which VMs' disks are followed: gone with the host's run. */
export function followJournal(): string {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? "/run/casemate/follows" : join(tmpdir(), `casemate-follows-${uid}`);
}

/** The record in the text of a journal entry; `undefined` when it is not whole: then nothing was begun yet. */
export function parseFollowRecord(text: string): FollowRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // cut short while it was written
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { uri, run, prefix } = value as Record<string, unknown>; // an object of whatever
  const qemu = parseQemuRun(run);
  if (qemu === undefined || typeof uri !== "string" || typeof prefix !== "string") return undefined;
  return prefix === "" ? undefined : { uri, run: qemu, prefix };
}
