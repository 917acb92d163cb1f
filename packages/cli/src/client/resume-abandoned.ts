import { readdir } from "node:fs/promises";
import { printable } from "../output/printable.ts";
import { pausesIn } from "./vm-source.ts";

/** Resumes the VMs that a Casemate which crashed left paused, and says so on stderr. */
export async function resumeAbandoned(dataDirectory: string): Promise<void> {
  const directory = pausesIn(dataDirectory);
  const names = await readdir(directory).catch(() => []); // not there, or not ours to read: nothing to do
  if (names.length === 0) return; // as nearly always: then nothing needs to be loaded
  const { resumeAbandonedPauses } = await import("@casemate/host");
  for (const { name, pausedAt, failure } of await resumeAbandonedPauses(directory)) {
    const words =
      failure === undefined
        ? `${name} was left paused at ${pausedAt.toISOString()} by a Casemate that crashed; it runs again.`
        : `${failure.message}\n${failure.next}`;
    for (const line of words.split("\n")) process.stderr.write(`casemate: ${printable(line)}\n`);
  }
}
