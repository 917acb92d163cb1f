import { createHash } from "node:crypto";
import { CasemateError, type Milliseconds } from "@casemate/core";
import {
  type Domain,
  findQemuProcess,
  type GuestMemorySource,
  LibvirtHost,
  type LibvirtHostEvent,
  openGuestMemory,
  openVmDisks,
  type Pause,
  pauseVm,
} from "@casemate/host";
import type { FileWatchTick } from "./file-watch.ts";
import type { GuestSweep, SweepRequest } from "./guest-sweep.ts";
import type { AgentVm, HostAgent, HostEvent, HostStatus } from "./host-agent.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { inspectableView, type LookRequest } from "./inspectable-view.ts";
import { type InspectedGuest, Inspector } from "./inspector.ts";
import { HostContext } from "./local/host-context.ts";
import { LocalHypervisor } from "./local/local-hypervisor.ts";
import { LocalScans } from "./local/local-scans.ts";
import { readRunningMemory } from "./running-memory.ts";
import type { ViewTable } from "./view-table.ts";
import type { ScanRequest, VmScan } from "./vm-scan.ts";

export interface HostOptions {
  /** The libvirt to attach to, on this machine: `qemu:///system`. */
  readonly uri: string;
  /** What the host's history goes by, where the URI is another each time. */
  readonly place?: string;
  /** The directory where pauses are noted for whoever comes after a crash; without it no VM can be paused. */
  readonly pauses?: string;
  /** Directories that images may be read from and written to, beside the storage pools'. */
  readonly directories?: readonly string[];
}

/**
 * Attaches to a libvirt on this machine and stays attached through its restarts.
 *
 * Throws `libvirt/missing`, `libvirt/unreachable`, `libvirt/not-permitted` when the first attempt fails.
 */
export async function attachHost(
  { uri, place = uri, pauses, directories = [] }: HostOptions,
  signal?: AbortSignal,
): Promise<HostAgent> {
  const host = new LibvirtHost(uri);
  await host.start(signal);
  const { state } = host;
  if (state.kind === "connected") {
    const hypervisor = new LocalHypervisor(host, directories);
    const scans = new LocalScans(new HostContext(host, directories));
    // What cannot be ended now is ended when libvirt is connected to anew.
    await scans.endAbandoned().catch(() => {});
    // Not awaited: with many VMs it takes seconds, and what is not isolated then shows in its isolation.
    hypervisor.network.renewAll().catch(() => {});
    return new LocalHost(host, state.info.hostname, place, pauses, { hypervisor, scans });
  }
  await host[Symbol.asyncDispose]();
  if (state.kind === "disconnected") throw state.cause;
  throw new CasemateError("cancelled", `Cannot attach to ${uri}: it was cancelled.`);
}

class LocalHost implements HostAgent {
  readonly id: string;
  readonly name: string;
  readonly uri: string;
  readonly hypervisor: Hypervisor;
  readonly #host: LibvirtHost;
  readonly #scans: LocalScans;
  readonly #pauses: string | undefined;
  readonly #inspector = new Inspector();
  /** Sweeps take long where they find something: nobody's look waits for them. */
  readonly #sweeper = new Inspector();
  readonly #listeners = new Set<(event: HostEvent) => void>();
  readonly #watching: Promise<void>;
  /** The run of each VM whose memory the inspector holds, by UUID. */
  readonly #held = new Map<string, string>();

  constructor(
    host: LibvirtHost,
    name: string,
    place: string,
    pauses: string | undefined,
    { hypervisor, scans }: { readonly hypervisor: Hypervisor; readonly scans: LocalScans },
  ) {
    this.#host = host;
    this.hypervisor = hypervisor;
    this.#scans = scans;
    this.#pauses = pauses;
    this.name = name;
    this.uri = host.uri;
    this.id = createHash("sha256").update(`${name}\0${place}`).digest("hex").slice(0, 16);
    this.#watching = this.#watch();
  }

  status(): HostStatus {
    const { state } = this.#host;
    if (state.kind === "connected") return { connected: true, detail: "" };
    const detail =
      state.kind === "disconnected" ? state.cause.message : `The host is ${state.kind}.`;
    return { connected: false, detail };
  }

  async listVms(signal?: AbortSignal): Promise<readonly AgentVm[]> {
    const domains = await this.#host.withConnection((connection) => connection.listDomains(signal));
    return domains.map(asVm).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async inspect(
    uuid: string,
    { pause, ...request }: LookRequest,
    signal?: AbortSignal,
  ): Promise<ViewTable> {
    const view = inspectableView(request);
    const domain = await this.#findRunning(uuid, signal);
    const takenAt = new Date();
    const guest = this.#guestOf(domain);
    await this.#hold(uuid, guest.key);
    const table = { view, subject: domain.name, takenAt };
    if (pause === undefined) {
      return { ...table, ...(await this.#inspector.look(guest, request, signal)) };
    }
    const freeze = () => this.#pause(domain, pause.limit, signal);
    return { ...table, ...(await this.#inspector.lookFrozen(guest, request, freeze, signal)) };
  }

  async sweep(uuid: string, request: SweepRequest, signal?: AbortSignal): Promise<GuestSweep> {
    const domain = await this.#findRunning(uuid, signal);
    const takenAt = new Date();
    const guest = this.#guestOf(domain);
    await this.#hold(uuid, guest.key);
    const reading = await this.#sweeper.sweep(guest, request, signal);
    return { subject: domain.name, takenAt, ...reading };
  }

  async scan(uuid: string, request: ScanRequest, signal?: AbortSignal): Promise<VmScan> {
    const { running = false, ...others } = request;
    const options = { budget: request.budget };
    const readMemory = (stop?: AbortSignal) => readRunningMemory(this, uuid, options, stop);
    const own = running ? { ...others, readMemory } : others;
    return await this.#scans.scan(uuid, own, signal);
  }

  watchFiles(uuid: string, signal: AbortSignal): AsyncIterable<FileWatchTick> {
    return this.#scans.watchFiles(uuid, signal);
  }

  subscribe(listener: (event: HostEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inspector[Symbol.asyncDispose]();
    await this.#sweeper[Symbol.asyncDispose]();
    await this.#host[Symbol.asyncDispose]();
    await this.#watching;
  }

  /** The VM, whose memory can be looked into. Throws `vm/not-running`, `memory/unsupported`, `libvirt/*`. */
  async #findRunning(uuid: string, signal?: AbortSignal): Promise<Domain> {
    const domain = await this.#host.withConnection((connection) =>
      connection.findDomain(uuid, signal),
    );
    if (domain.id === undefined) {
      throw new CasemateError(
        "vm/not-running",
        `Cannot look into ${domain.name}: it is ${domain.state}, expected it to run.`,
      );
    }
    this.#verifyLocal(domain.name);
    return domain;
  }

  /** Memory is read by its process, so the VM must be a QEMU's on this machine. */
  #verifyLocal(name: string): void {
    const { state } = this.#host;
    if (state.kind !== "connected") return; // it just was: what follows says what happened
    const remote = /^[a-z0-9+]+:\/\/[^/]/i.test(state.info.uri);
    if (!remote && state.info.hypervisor === "QEMU") return;
    const where = remote ? "on another machine" : `a VM of ${state.info.hypervisor}`;
    throw new CasemateError(
      "memory/unsupported",
      `Cannot look into ${name}: it is ${where}, expected a VM of QEMU on this one.`,
      { next: "Run Casemate on the machine that runs the VM." },
    );
  }

  async #pause({ uuid, name }: Domain, limit?: Milliseconds, signal?: AbortSignal): Promise<Pause> {
    const journal = this.#pauses;
    if (journal === undefined) {
      throw new CasemateError(
        "internal",
        `Cannot pause ${name}: this agent has no directory to note it in, expected one.`,
      );
    }
    return await this.#host.withConnection((connection) =>
      pauseVm({ connection, uuid, limit, journal }, signal),
    );
  }

  #guestOf({ uuid, id, name }: Domain): InspectedGuest {
    const pid = findQemuProcess(uuid);
    const source: GuestMemorySource = {
      pid,
      description: name,
      monitor: {
        hmp: (line) => this.#host.withConnection((connection) => connection.hmp(uuid, line)),
        qmp: (command) => this.#host.withConnection((connection) => connection.qmp(uuid, command)),
      },
    };
    return {
      key: `${uuid}/${id}/${pid}`,
      open: () => openGuestMemory(source),
      openDisks: () => openVmDisks(source),
    };
  }

  async #hold(uuid: string, key: string): Promise<void> {
    if (this.#held.get(uuid) !== key) await this.#letGo(uuid);
    this.#held.set(uuid, key);
  }

  /** As long as the inspector maps a guest's RAM the host cannot have it back. */
  async #letGo(uuid: string): Promise<void> {
    const key = this.#held.get(uuid);
    this.#held.delete(uuid);
    if (key === undefined) return;
    await Promise.all([this.#inspector.forget(key), this.#sweeper.forget(key)]);
  }

  async #watch(): Promise<void> {
    for await (const event of this.#host.events()) {
      const told = asHostEvent(event);
      if (told !== undefined) for (const listener of this.#listeners) listener(told);
      // What could not be ended while libvirt was away can be now; what fails is found at the next start.
      if (event.kind === "connected") {
        this.#scans.endAbandoned().catch(() => {});
        this.hypervisor.network.renewAll().catch(() => {});
      }
      if (event.kind === "lifecycle" && event.event === "started") {
        // Not awaited either: what is not isolated then shows in its isolation.
        this.hypervisor.network.renew(event.uuid).catch(() => {});
      }
      // A guest that stopped or booted anew is another guest: its kernel lies elsewhere.
      if ((event.kind === "lifecycle" && event.event === "stopped") || event.kind === "reboot") {
        // Not awaited: events do not wait for looks. What fails here shows in the next look.
        this.#letGo(event.uuid).catch(() => {});
      }
    }
  }
}

function asVm({ uuid, name, state, vcpus, memory }: Domain): AgentVm {
  return { uuid, name, state, vcpus, memoryBytes: memory };
}

function asHostEvent(event: LibvirtHostEvent): HostEvent | undefined {
  const at = new Date();
  switch (event.kind) {
    case "connected":
      return { at, type: "connection", what: "connected" };
    case "disconnected":
      return { at, type: "connection", what: "lost", detail: event.cause.message };
    case "inventory":
      return undefined;
    case "lifecycle": {
      const { uuid, name, event: what, detail } = event;
      return { at, type: "vm", what, vm: { uuid, name }, detail };
    }
    default: {
      const { uuid, name, kind } = event;
      return { at, type: "vm", what: kind, vm: { uuid, name } };
    }
  }
}
