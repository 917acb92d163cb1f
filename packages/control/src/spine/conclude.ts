import {
  type CasemateError,
  type ErrorCode,
  type JsonObject,
  toCasemateError,
} from "@casemate/core";
import type { Operation, Seen } from "./operation.ts";
import type { Outcome } from "./request-facts.ts";
import { waitForCalls } from "./wait-for-calls.ts";

type LookAt = Parameters<Operation["look"]>[0];

/** How an operation ended, for its last fact. */
export interface Conclusion {
  readonly outcome: Outcome;
  readonly message?: string;
  readonly result?: JsonObject;
}

/**
 * What became of an operation that was begun: what the host shows decides, not what the call answered. What
 * is there of one that did not succeed is taken back, where that can be.
 *
 * @param failure what `execute` threw; undefined where it returned, or where nobody knows (`call.executed`).
 *
 * Throws `libvirt/unreachable` and `cancelled` where the host could not be asked.
 */
export async function conclude(
  operation: Operation,
  call: LookAt,
  failure: CasemateError | undefined,
  signal: AbortSignal,
): Promise<Conclusion> {
  const seen = await look(operation, call, signal);
  switch (seen.kind) {
    case "done":
      return {
        outcome: "done",
        ...(failure === undefined ? {} : { message: `It happened, although: ${failure.message}` }),
        ...(seen.result === undefined ? {} : { result: seen.result }),
      };
    case "undone":
      return notDone(failure, "The host shows nothing of it.");
    case "partial":
      return await takeBack(operation, call, seen.what, failure, signal);
    case "unknown":
      return { outcome: "unknown", message: unknownBecause(seen.why, failure) };
  }
}

async function takeBack(
  operation: Operation,
  call: LookAt,
  what: string,
  failure: CasemateError | undefined,
  signal: AbortSignal,
): Promise<Conclusion> {
  const left = `Only part of it is there: ${what}.`;
  if (operation.undo === undefined) {
    return { outcome: "unknown", message: unknownBecause(left, failure) };
  }
  try {
    await operation.undo(call, signal);
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    if (isNoAnswer(code)) throw thrown;
    const why = `${left} It could not be taken back: ${message}`;
    return { outcome: "unknown", message: unknownBecause(why, failure) };
  }
  const seen = await look(operation, { ...call, executed: false }, signal);
  if (seen.kind !== "undone") return { outcome: "unknown", message: unknownBecause(left, failure) };
  return notDone(failure, `What was there of it was taken back: ${what}.`);
}

async function look(operation: Operation, call: LookAt, signal: AbortSignal): Promise<Seen> {
  try {
    if (!call.executed) await waitForAll(call, signal);
    return await operation.look(call, signal);
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    if (isNoAnswer(code)) throw thrown;
    return { kind: "unknown", why: message };
  }
}

/** What libvirt still does on the VMs it is about: who asked for it was killed, or did not wait for the end. */
async function waitForAll({ host, plan }: LookAt, signal: AbortSignal): Promise<void> {
  if (host === undefined) return;
  const { target, effects } = plan;
  const touched = effects.filter(({ kind }) => kind === "vm").map(({ id }) => id);
  const vms = new Set([...(target.kind === "vm" ? [target.uuid] : []), ...touched]);
  for (const uuid of vms) await waitForCalls(host, uuid, signal);
}

/** Whether nobody could be asked: what became of the operation can still be found out. */
function isNoAnswer(code: ErrorCode): boolean {
  return code === "libvirt/unreachable" || code === "cancelled";
}

function notDone(failure: CasemateError | undefined, otherwise: string): Conclusion {
  if (failure === undefined) return { outcome: "undone", message: otherwise };
  const outcome = failure.code === "cancelled" ? "cancelled" : "failed";
  return { outcome, message: failure.message };
}

function unknownBecause(why: string, failure: CasemateError | undefined): string {
  return failure === undefined ? why : `${failure.message} ${why}`;
}
