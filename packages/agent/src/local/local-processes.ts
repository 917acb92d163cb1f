import { CasemateError, milliseconds } from "@casemate/core";
import type { KernelCall, KernelCallEnd } from "@casemate/host";
import type { LookRequest } from "../inspectable-view.ts";
import type { GuestProcess, ProcessControl, ProcessId, ProcessSignal } from "../process-control.ts";
import type { ViewTable } from "../view-table.ts";
import { parseSignalTarget, type SignalTarget } from "./parse-signal-target.ts";

/** Time of each look for a process, in milliseconds. */
const budget = milliseconds(10_000);

/** What acting on processes rests on. */
export interface ProcessGround {
  inspect(uuid: string, request: LookRequest, signal?: AbortSignal): Promise<ViewTable>;
  callKernel(uuid: string, call: KernelCall, signal?: AbortSignal): Promise<KernelCallEnd>;
}

/** Processes of the VMs of this machine. */
export class LocalProcesses implements ProcessControl {
  readonly #ground: ProcessGround;

  constructor(ground: ProcessGround) {
    this.#ground = ground;
  }

  async find(uuid: string, process: ProcessId, signal?: AbortSignal): Promise<GuestProcess> {
    return (await this.#target(uuid, process, signal)).process;
  }

  async send(
    uuid: string,
    { pid, started, task }: Pick<GuestProcess, "pid" | "started" | "task">,
    what: ProcessSignal,
    signal?: AbortSignal,
  ): Promise<KernelCallEnd> {
    const target = await this.#target(uuid, { pid, started }, signal);
    const call = target.callFor(what);
    if (target.process.task !== task || call === undefined) {
      throw new CasemateError(
        "guest/changed",
        `Cannot ${what} process ${pid}: ${target.process.obstacle ?? `its task_struct is at ${target.process.task}`}, expected it as it was at ${task}.`,
      );
    }
    return await this.#ground.callKernel(uuid, call, signal);
  }

  async #target(
    uuid: string,
    { pid, started }: ProcessId,
    signal?: AbortSignal,
  ): Promise<SignalTarget> {
    const argument = started === undefined ? `${pid}` : `${pid}@${started}`;
    const request = { view: "signal-target", argument, budget };
    const { items } = await this.#ground.inspect(uuid, request, signal);
    return parseSignalTarget(items[0]);
  }
}
