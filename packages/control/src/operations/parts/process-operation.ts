import { setTimeout as sleep } from "node:timers/promises";
import type { GuestProcess, HostAgent, ProcessSignal } from "@casemate/agent";
import { CasemateError, toCasemateError } from "@casemate/core";
import { defineOperation, type Operation, type Seen } from "../../spine/operation.ts";
import { readVm, verifyState } from "../vm-facts.ts";
import { describeProcess, processParameters, verifyProgram } from "./named-process.ts";
import { refused } from "./refused.ts";

/** What a signal is expected to bring about. */
interface ProcessAction {
  readonly id: string;
  readonly summary: string;
  readonly signal: ProcessSignal;
  /** What it is called in sentences: "freeze". */
  readonly verb: string;
  /** What happens to the process, and what to know of it; after its description. */
  steps(process: GuestProcess): readonly string[];
  readonly irreversible: readonly string[];
  /** Why it need not be done; undefined where it does. */
  needless(process: GuestProcess): string | undefined;
  /** Whether it shows in the process that it was done; undefined is a process that is gone. */
  isDone(process: GuestProcess | undefined): boolean;
  /** What takes it back. */
  readonly undoneBy?: ProcessSignal;
}

type Details = {
  readonly uuid: string;
  readonly runId: number | null;
  readonly pid: number;
  readonly started: string;
  readonly task: string;
  readonly name: string;
  readonly executable: string | null;
};

/** How long it may take until a signal shows, in milliseconds, and how often that is looked at. */
const patience = 5_000;
const askEvery = 100;

/** An operation on one process of a guest, whose own kernel is made to signal it. */
export function defineProcessOperation(action: ProcessAction): Operation {
  const { id, summary, verb, signal: sent, undoneBy } = action;
  return defineOperation<typeof processParameters, Details>({
    id,
    summary,
    on: "vm",
    parameters: processParameters,
    // What it is about is found by a look into the kernel.
    needs: () => [id, "vm.inspect.kernelMetadata"],
    async plan({ host, target, parameters: { pid, started } }, signal) {
      const vm = await readVm(host, target, signal);
      const doing = `${verb} process ${pid} of ${vm.name}`;
      verifyState(`${verb} a process of`, vm, ["running", "blocked"]);
      const found = await host.processes.find(vm.uuid, { pid, started }, signal);
      verifyReachable(doing, found);
      const needless = action.needless(found);
      if (needless !== undefined) throw refused(doing, needless, "one that can be changed");
      const { name, executable } = found;
      const details: Details = {
        ...{ uuid: vm.uuid, runId: vm.runId ?? null, pid, started: found.started },
        ...{ task: found.task, name, executable },
      };
      return {
        steps: [
          ...describeProcess(found),
          `Stop ${vm.name} at the end of its next interrupt, for some milliseconds, and have its own kernel send the signal.`,
          ...action.steps(found),
        ],
        effects: [
          { kind: "vm", id: vm.uuid, change: "interrupted" },
          { kind: "memory", id: vm.uuid, change: "read" },
        ],
        irreversible: [...action.irreversible],
        destroysState: false,
        downtime: true,
        diskBytes: 0,
        details,
      };
    },
    async execute({ host, plan: { details }, progress }, signal) {
      const end = await host.processes.send(details.uuid, details, sent, signal);
      progress(1, `the guest stood still ${end.stops} times, ${end.stoppedMicroseconds} µs in all`);
    },
    async look({ host, plan: { details }, executed }, signal) {
      const until = performance.now() + (executed ? patience : 0);
      for (;;) {
        const { found, why } = await findAgain(host, details, signal);
        if (why !== undefined) return { kind: "unknown", why };
        if (action.isDone(found)) return { kind: "done" };
        if (performance.now() >= until) return seenUndone(executed, found);
        await sleep(askEvery, undefined, { signal });
      }
    },
    ...(undoneBy === undefined
      ? {}
      : {
          async undo({ host, plan: { details } }, signal) {
            await host.processes.send(details.uuid, details, undoneBy, signal);
          },
        }),
  });
}

function verifyReachable(doing: string, found: GuestProcess): void {
  verifyProgram(
    doing,
    found,
    "Stop the VM with `casemate vm stop`, or pause it with `casemate vm pause`.",
  );
  const { obstacle } = found;
  if (obstacle !== null) {
    throw refused(
      doing,
      obstacle,
      "one whose kernel can be made to signal it",
      "Pause the VM with `casemate vm pause`, or isolate it with `casemate vm isolate`.",
    );
  }
}

/** The very process again; undefined where it is gone, or why it cannot be told. */
async function findAgain(
  host: HostAgent,
  { uuid, pid, started, task }: Details,
  signal: AbortSignal,
): Promise<{ readonly found?: GuestProcess; readonly why?: string }> {
  try {
    const found = await host.processes.find(uuid, { pid, started }, signal);
    return found.task === task ? { found } : {};
  } catch (thrown) {
    const { code } = toCasemateError(thrown);
    if (code === "inspect/not-found") return {};
    if (code === "vm/not-running") return { why: "The VM has stopped since, and all in it." };
    if (thrown instanceof CasemateError && /^(kernel|inspect)\//.test(code)) {
      return { why: `The guest cannot be looked into: ${thrown.message}` };
    }
    throw thrown;
  }
}

function seenUndone(executed: boolean, found: GuestProcess | undefined): Seen {
  if (!executed || found === undefined) return { kind: "undone" };
  const states = [...new Set(found.states)].join(", ");
  return { kind: "partial", what: `the signal, which its state (${states}) does not show yet` };
}
