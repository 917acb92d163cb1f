import { CasemateError, type Gva, gva } from "@casemate/core";
import type { KernelCall, KernelGuard, KernelListPlace } from "@casemate/host";
import type { TaskState } from "@casemate/inspect";
import { isRecord } from "../confined/parse-row.ts";
import { type GuestProcess, type ProcessSignal, processSignals } from "../process-control.ts";
import type { ViewItem } from "../view-table.ts";

/** A process, and the call that signals it; `undefined` where there is no way to it. */
export interface SignalTarget {
  readonly process: GuestProcess;
  callFor(what: ProcessSignal): KernelCall | undefined;
}

const limits = { threads: 4_096, guards: 32, places: 256 };
/** Virtual addresses of the kernel are the upper half (Documentation/arch/x86/x86_64/mm.rst). */
const KERNEL_HALF = 0x8000_0000_0000_0000n;
/** `SEND_SIG_PRIV`: from the kernel itself. */
const FROM_KERNEL = 1n;

/**
 * The row of the view `signal-target` as a checked value.
 *
 * HOSTILE: the inspector may be in the guest's hands; what it says can harm this guest alone. Throws
 * `inspect/crashed` for what does not fit.
 */
export function parseSignalTarget(row: ViewItem | undefined): SignalTarget {
  if (row === undefined) throw unfit("no process");
  const path = row["path"];
  const isNone = path === null || path === undefined;
  const { executable, obstacle } = row;
  const states = list(row["states"], limits.threads).map(text);
  const way = isNone ? undefined : parsePath(path);
  return {
    process: {
      pid: number(row["pid"]),
      started: text(row["started"]),
      ppid: number(row["ppid"]),
      uid: number(row["uid"]),
      name: text(row["name"]),
      executable: executable === null ? null : text(executable),
      states: states.map((state) => state.slice(0, 1) as TaskState), // a letter of the guest's, only shown and compared
      kernelThread: row["kernelThread"] === true,
      hiddenFrom: list(row["hiddenFrom"], 8).map(text),
      brokenLinks: way?.mend.length ?? 0,
      task: text(row["task"]),
      obstacle: way === undefined ? text(obstacle ?? "there is no way to it") : null,
    },
    callFor(what) {
      if (way === undefined) return undefined;
      const { before, send, to, identity, idle, mend } = way;
      const ends = what === "kill";
      return {
        before,
        function: send,
        arguments: [BigInt(processSignals[what]), to, FROM_KERNEL],
        identity,
        // Only what ends is taken off its lists.
        idle: ends ? idle : [],
        mend: ends ? mend : [],
      };
    },
  };
}

function parsePath(value: unknown) {
  if (!isRecord(value)) throw unfit("a way that is no object");
  return {
    before: address(value["before"]),
    send: address(value["send"]),
    to: address(value["to"]),
    identity: list(value["identity"], limits.guards).map(guard),
    idle: list(value["idle"], limits.guards).map(guard),
    mend: list(value["mend"], limits.places).map(place),
  };
}

function guard(value: unknown): KernelGuard {
  if (!isRecord(value)) throw unfit("half a guard");
  return {
    address: address(value["address"]),
    mask: hexadecimal(value["mask"]),
    value: hexadecimal(value["value"]),
  };
}

function place(value: unknown): KernelListPlace {
  if (!isRecord(value)) throw unfit("half a place");
  const { kind, node, head } = value;
  if (kind !== "list" && kind !== "hlist") throw unfit("a list of no known kind");
  return { kind, node: address(node), head: address(head) };
}

function address(value: unknown): Gva {
  const at = hexadecimal(value);
  if (at < KERNEL_HALF) throw unfit("an address outside the kernel");
  return gva(at);
}

function hexadecimal(value: unknown): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,16}$/.test(value)) throw unfit("no number");
  return BigInt(value);
}

function list(value: unknown, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw unfit("no list that is short enough");
  return value;
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw unfit("no whole number");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw unfit("no text");
  return value;
}

function unfit(seen: string): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot take the inspector's answer: ${seen}, expected a process.`,
  );
}
