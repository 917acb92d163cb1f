import { parseQemuRun, type QemuRun } from "../../pause/qemu-run.ts";

/** What the journal keeps of a view of a running VM's disks: enough to end it, and nothing else. */
export interface ViewRecord {
  /** The libvirt that runs the VM. */
  readonly uri: string;
  readonly run: QemuRun;
  /** The directory of the view's own: where its socket is. */
  readonly directory: string;
  readonly socket: string;
  /** Where what the guest overwrites is kept. */
  readonly scratch: readonly string[];
}

/** The record in the text of a journal entry; `undefined` when it is not whole: then no view was begun yet. */
export function parseViewRecord(text: string): ViewRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // cut short while it was written
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { uri, run, directory, socket, scratch } = value as Record<string, unknown>; // an object of whatever
  const qemu = parseQemuRun(run);
  if (typeof uri !== "string" || typeof directory !== "string" || typeof socket !== "string") {
    return undefined;
  }
  if (!Array.isArray(scratch) || !scratch.every((file) => typeof file === "string")) {
    return undefined;
  }
  return qemu === undefined ? undefined : { uri, run: qemu, directory, socket, scratch };
}
