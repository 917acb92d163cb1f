import { join, resolve } from "node:path";
import type { HostAgent, LookRequest, ViewTable } from "@casemate/agent";
import { CasemateError } from "@casemate/core";
import type { Environment } from "../environment.ts";
import type { ControlClient } from "./control-client.ts";

/** A VM, as far as the command line shows it; more fields may come with it. */
export interface ListedVm {
  readonly uuid: string;
  readonly name: string;
  readonly state: string;
  readonly vcpus: number;
  readonly memoryBytes: number;
}

/** What a look at a view brought, as JSON carries it. */
export interface SeenView extends Omit<ViewTable, "takenAt" | "view"> {
  readonly kind: string;
  readonly view: string;
  readonly takenAt: string;
  readonly columns: readonly { readonly key: string; readonly title: string }[];
}

/** The table as the API answers it. */
export function asSeenView(table: ViewTable): SeenView {
  const { view, subject, takenAt, elapsedMs, consistency, damaged, paused, items } = table;
  const columns = view.columns.map(({ key, title, align = "left" }) => ({ key, title, align }));
  return {
    ...{ kind: view.kind, view: view.id, subject, takenAt: takenAt.toISOString() },
    ...{ elapsedMs, consistency, damaged, ...(paused === undefined ? {} : { paused }) },
    ...{ columns, items },
  };
}

/** Where VMs are asked about: a running control plane, or a hypervisor directly. */
export interface VmSource extends AsyncDisposable {
  listVms(): Promise<readonly ListedVm[]>;
  /** @param approved a request for this very look that has been approved. */
  view(vm: string, request: LookRequest, approved?: string): Promise<SeenView>;
}

/** The hypervisor at `connect` if it is given, else the control plane that runs on this machine. */
export async function openVmSource(
  environment: Environment,
  options: { readonly connect?: string | undefined; readonly data?: string | undefined },
): Promise<VmSource> {
  if (options.connect === undefined) return openControlPlane(environment, options);
  return openHypervisor(options.connect, options.data ?? environment.dataDirectory);
}

/** Where pauses are noted, in the data directory. */
export const pausesIn = (dataDirectory: string): string => join(resolve(dataDirectory), "pauses");

/** The VM with that name or UUID. Throws `vm/unknown`. */
export async function findVm(
  source: Pick<VmSource, "listVms">,
  nameOrUuid: string,
): Promise<ListedVm> {
  const vms = await source.listVms();
  const found =
    vms.find(({ uuid }) => uuid === nameOrUuid) ?? vms.find(({ name }) => name === nameOrUuid);
  if (found !== undefined) return found;
  throw new CasemateError(
    "vm/unknown",
    `Cannot find VM ${nameOrUuid}: ${vms.length} VMs are there, none has this name or UUID.`,
  );
}

/** The libvirt at `uri` itself, without a control plane. */
export async function openHypervisorAgent(uri: string, dataDirectory: string): Promise<HostAgent> {
  const { attachHost } = await import("@casemate/agent");
  return await attachHost({ uri, pauses: pausesIn(dataDirectory), keepsOff: false });
}

async function openHypervisor(uri: string, dataDirectory: string): Promise<VmSource> {
  const agent = await openHypervisorAgent(uri, dataDirectory);
  const source: VmSource = {
    listVms: () => agent.listVms(),
    async view(vm, request) {
      const { uuid } = await findVm(source, vm);
      return asSeenView(await agent.inspect(uuid, request));
    },
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  };
  return source;
}

async function openControlPlane(
  environment: Environment,
  options: { readonly data?: string | undefined },
): Promise<VmSource> {
  const { openClient } = await import("./open-client.ts");
  return controlPlaneSource(await openClient(environment, options));
}

/** VMs as a control plane tells of them: who looks at what passes its policy and stands in its ledger. */
export function controlPlaneSource(client: ControlClient, signal?: AbortSignal): VmSource {
  return {
    async listVms() {
      const { items } = await client.get("/api/v1/vms", signal);
      return items as ListedVm[]; // the certificate proves that our own control plane answered
    },
    async view(vm, { view, argument, budget, pause }, approved) {
      const path = `/api/v1/vms/${encodeURIComponent(vm)}/views/${encodeURIComponent(view)}`;
      const query = new URLSearchParams({ budget: String(budget) });
      if (argument !== undefined) query.set("argument", argument);
      if (approved !== undefined) query.set("request", approved);
      if (pause?.limit !== undefined) query.set("limit", String(pause.limit));
      const asked = `${path}?${query}`;
      const seen =
        pause === undefined
          ? await client.get(asked, signal)
          : await client.post(asked, undefined, signal);
      return seen as unknown as SeenView; // the certificate proves that our own control plane answered
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
