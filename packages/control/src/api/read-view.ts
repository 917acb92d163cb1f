import { randomUUID } from "node:crypto";
import type { LookRequest, ViewTable } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";
import type { Principal } from "../accounts/principal.ts";
import type { Services } from "../services.ts";
import type { View } from "./contract/view.ts";
import { findVm } from "./find-vm.ts";
import { showView } from "./show-view.ts";

/** Who looks into which VM, at what. */
export interface ViewCall {
  /** By name or UUID. */
  readonly vm: string;
  readonly look: LookRequest;
  readonly principal: Principal;
  /** A request for this very look that has been approved; undefined where it is to be made now. */
  readonly requestId: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * A look into a VM: an operation whose answer is for its requester alone.
 *
 * Throws `usage`, `auth/denied`, `request/awaiting-approval`, `vm/unknown`, and what `HostAgent.inspect` throws.
 */
export async function readView(call: ViewCall, services: Services): Promise<View> {
  const { vm, look, principal, requestId, signal } = call;
  const { spine, metrics } = services;
  const { target } = await findVm(services, vm, signal);
  const { view, argument, budget, pause } = look;
  const parameters = {
    view,
    ...(argument === undefined ? {} : { argument }),
    ...(budget === undefined ? {} : { budget }),
    ...(pause === undefined ? {} : { pause: { ...pause } }),
  };
  const id = requestId ?? randomUUID();
  const order = { id, operation: "vm.inspect", target, parameters, principal };
  try {
    await spine.submit(order, signal);
    const table = (await spine.answer(id, principal, signal)) as ViewTable; // what `vm.inspect` answers
    metrics.inspectionSeconds.observe({ view }, table.elapsedMs / 1_000);
    metrics.inspections.inc({ view, outcome: "done" });
    return showView(table);
  } catch (thrown) {
    metrics.inspections.inc({ view, outcome: toCasemateError(thrown).code });
    throw thrown;
  }
}
