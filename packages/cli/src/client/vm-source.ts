import type { HostAgent, ViewTable } from "@casemate/agent";
import { CasemateError, milliseconds } from "@casemate/core";
import type { Environment } from "../environment.ts";
import { controlClient } from "./control-client.ts";
import { readClientFile } from "./read-client-file.ts";

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
  const { view, subject, takenAt, elapsedMs, consistency, items } = table;
  const columns = view.columns.map(({ key, title, align = "left" }) => ({ key, title, align }));
  return {
    ...{ kind: view.kind, view: view.id, subject, takenAt: takenAt.toISOString() },
    ...{ elapsedMs, consistency, columns, items },
  };
}

/** Where VMs are asked about: a running control plane, or a hypervisor directly. */
export interface VmSource extends AsyncDisposable {
  listVms(): Promise<readonly ListedVm[]>;
  view(vm: string, view: string, budgetMs: number): Promise<SeenView>;
}

/** The hypervisor at `connect` if it is given, else the control plane that runs on this machine. */
export async function openVmSource(
  environment: Environment,
  options: { readonly connect?: string | undefined; readonly data?: string | undefined },
): Promise<VmSource> {
  if (options.connect !== undefined) return openHypervisor(options.connect);
  return openControlPlane(options.data ?? environment.dataDirectory);
}

/** The VM with that name or UUID. Throws `vm/unknown`. */
export async function findVm(source: VmSource, nameOrUuid: string): Promise<ListedVm> {
  const vms = await source.listVms();
  const found =
    vms.find(({ uuid }) => uuid === nameOrUuid) ?? vms.find(({ name }) => name === nameOrUuid);
  if (found !== undefined) return found;
  throw new CasemateError(
    "vm/unknown",
    `Cannot find VM ${nameOrUuid}: ${vms.length} VMs are there, none has this name or UUID.`,
  );
}

async function openHypervisor(uri: string): Promise<VmSource> {
  const { attachHost } = await import("@casemate/agent");
  const agent: HostAgent = await attachHost({ uri });
  const source: VmSource = {
    listVms: () => agent.listVms(),
    async view(vm, view, budgetMs) {
      const { uuid } = await findVm(source, vm);
      return asSeenView(await agent.inspect(uuid, view, milliseconds(budgetMs)));
    },
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  };
  return source;
}

async function openControlPlane(dataDirectory: string): Promise<VmSource> {
  const client = controlClient(await readClientFile(dataDirectory));
  return {
    async listVms() {
      const { items } = await client.get("/api/v1/vms");
      return items as ListedVm[]; // the certificate proves that our own control plane answered
    },
    async view(vm, view, budgetMs) {
      const path = `/api/v1/vms/${encodeURIComponent(vm)}/views/${encodeURIComponent(view)}`;
      const seen = await client.get(`${path}?budget=${budgetMs}`);
      return seen as unknown as SeenView; // the certificate proves that our own control plane answered
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
