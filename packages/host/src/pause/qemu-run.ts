import { readFileSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import { findQemuProcess } from "../memory/find-qemu-process.ts";

/** One run of a VM's QEMU process. The VM started again is another run, and so is one after the host's boot. */
export interface QemuRun {
  readonly uuid: string;
  /** /proc/sys/kernel/random/boot_id of the host (random(4)). */
  readonly bootId: string;
  /** When the process started, in clock ticks since the host's boot (proc_pid_stat(5)). */
  readonly startTicks: number;
}

/** The run in a record of a journal; `undefined` where it is none. */
export function parseQemuRun(value: unknown): QemuRun | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { uuid, bootId, startTicks } = value as Record<string, unknown>; // an object of whatever
  if (typeof uuid !== "string" || typeof bootId !== "string") return undefined;
  if (typeof startTicks !== "number" || !Number.isSafeInteger(startTicks)) return undefined;
  return { uuid, bootId, startTicks };
}

/** A run, and the number of its process as this process counts them. */
export interface FoundRun {
  readonly run: QemuRun;
  readonly pid: number;
}

/** The run of the VM there is now. Throws `vm/not-running`, `vm/unknown`, `memory/not-permitted`. */
export function readQemuRun(uuid: string): FoundRun {
  const pid = findQemuProcess(uuid);
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return { run: { uuid, bootId, startTicks: readStartTicks(pid, uuid) }, pid };
}

/** The process id of that very run; `undefined` when it has ended. Throws `vm/unknown`, `memory/not-permitted`. */
export function findQemuRun({ uuid, bootId, startTicks }: QemuRun): number | undefined {
  try {
    const { run, pid } = readQemuRun(uuid);
    return run.bootId === bootId && run.startTicks === startTicks ? pid : undefined;
  } catch (thrown) {
    if (thrown instanceof CasemateError && thrown.code === "vm/not-running") return undefined;
    throw thrown;
  }
}

function readStartTicks(pid: number, uuid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // HOSTILE: the process chose the name in parentheses; no field after it has one. It starts at field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[22 - 3]);
  } catch (cause) {
    throw new CasemateError(
      "vm/not-running",
      `Cannot read when the process of VM ${uuid} started: it has ended, expected it to run.`,
      { cause },
    );
  }
}
