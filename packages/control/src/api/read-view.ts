import { inspectableView, type LookRequest } from "@casemate/agent";
import { apiVersion, CasemateError, toCasemateError } from "@casemate/core";
import type { Principal } from "../accounts/tokens.ts";
import type { Services } from "../services.ts";
import type { View } from "./contract/view.ts";
import { findVm } from "./routes/vms.ts";

/** Who looks into which VM, at what. */
export interface ViewCall {
  /** By name or UUID. */
  readonly vm: string;
  readonly request: LookRequest;
  readonly principal: Principal;
  readonly signal: AbortSignal;
}

/**
 * A look into a VM: allowed for every class of data that the view needs, and in the log before it begins.
 *
 * Throws `usage`, `auth/denied`, `vm/unknown`, and what `HostAgent.inspect` throws.
 */
export async function readView(
  { vm, request, principal, signal }: ViewCall,
  services: Services,
): Promise<View> {
  const { id, kind, columns, needs } = inspectableView(request);
  for (const need of needs) {
    if (principal.permissions.has(`inspect:${need}`)) continue;
    throw new CasemateError(
      "auth/denied",
      `Cannot read view ${id}: this token does not allow inspect:${need}, which the view needs.`,
    );
  }
  const found = await findVm(services, vm, signal);
  const host = services.hosts.get(found.hostId);
  if (host === undefined) {
    throw new CasemateError("vm/gone", `Cannot look into ${found.name}: its host is gone.`);
  }
  const end = await services.inspections.begin({
    tokenLabel: principal.label,
    vm: found,
    view: id,
    argument: request.argument ?? null,
    dataClass: needs.join(","),
    pauseLimitMs: request.pause?.limit ?? null,
  });
  const finish = async (outcome: string, pausedMicroseconds: number | null) => {
    services.metrics.inspections.inc({ view: id, outcome });
    await end(outcome, pausedMicroseconds);
  };
  try {
    const table = await host.inspect(found.uuid, request, signal);
    const { subject, takenAt, elapsedMs, consistency, paused, items } = table;
    services.metrics.inspectionSeconds.observe({ view: id }, elapsedMs / 1_000);
    await finish("done", paused?.microseconds ?? null);
    return {
      ...{ apiVersion, kind, view: id, subject, takenAt: takenAt.toISOString() },
      ...{ elapsedMs, consistency, ...(paused === undefined ? {} : { paused }) },
      columns: columns.map(({ key, title, align = "left" }) => ({ key, title, align })),
      items: [...items],
    };
  } catch (thrown) {
    await finish(toCasemateError(thrown).code, null);
    throw thrown;
  }
}
