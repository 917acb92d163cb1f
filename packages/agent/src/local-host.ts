import { createHash } from "node:crypto";
import { CasemateError, type Milliseconds } from "@casemate/core";
import {
  callKernel,
  type Domain,
  findQemuProcess,
  type GuestMemorySource,
  type KernelCall,
  type KernelCallEnd,
  LibvirtHost,
  openGuestMemory,
  openVmDisks,
  type Pause,
  pauseVm,
} from "@casemate/host";
import { extractMemory } from "./extract-memory.ts";
import type { FileWatchTick } from "./file-watch.ts";
import type { GuestGlance } from "./guest-glance.ts";
import { type GuestPages, mostPages, type PagesRequest } from "./guest-pages.ts";
import type { GuestSweep, SweepRequest } from "./guest-sweep.ts";
import type { AgentVm, HostAgent, HostEvent, HostStatus } from "./host-agent.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { inspectableView, type LookRequest } from "./inspectable-view.ts";
import { type InspectedGuest, Inspector } from "./inspector.ts";
import { asHostEvent } from "./local/as-host-event.ts";
import { HostContext } from "./local/host-context.ts";
import { KeptOff } from "./local/kept-off.ts";
import { LocalCuts } from "./local/local-cuts.ts";
import { LocalHypervisor } from "./local/local-hypervisor.ts";
import { LocalProcesses } from "./local/local-processes.ts";
import { LocalScans } from "./local/local-scans.ts";
import { type AgentCommand, talkToAgent } from "./local/talk-to-agent.ts";
import type {
  MemoryExtraction,
  MemoryExtractionRequest,
  OnExtracted,
} from "./memory-extraction.ts";
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
  /**
   * Whether what is labelled so is kept off the network from here, as it is unless this is false: not by who only
   * looks, beside the process that knows what passes.
   */
  readonly keepsOff?: boolean;
}

/**
 * Attaches to a libvirt on this machine and stays attached through its restarts.
 *
 * Throws `libvirt/missing`, `libvirt/unreachable`, `libvirt/not-permitted` when the first attempt fails.
 */
export async function attachHost(
  { uri, place = uri, pauses, directories = [], keepsOff = true }: HostOptions,
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
    const parts = { hypervisor, scans, keepsOff };
    return new LocalHost(host, state.info.hostname, place, pauses, parts);
  }
  await host[Symbol.asyncDispose]();
  if (state.kind === "disconnected") throw state.cause;
  throw new CasemateError("cancelled", `Cannot attach to ${uri}: it was cancelled.`);
}

interface LocalHostParts extends Required<Pick<HostOptions, "keepsOff">> {
  readonly hypervisor: Hypervisor;
  readonly scans: LocalScans;
}

class LocalHost implements HostAgent {
  readonly id: string;
  readonly name: string;
  readonly uri: string;
  readonly hypervisor: Hypervisor;
  readonly processes = new LocalProcesses({
    inspect: (uuid, request, signal) => this.inspect(uuid, request, signal),
    callKernel: (uuid, call, signal) => this.#callKernel(uuid, call, signal),
  });
  readonly cuts: LocalCuts;
  readonly #host: LibvirtHost;
  readonly #scans: LocalScans;
  readonly #keptOff: KeptOff | undefined;
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
    { hypervisor, scans, keepsOff }: LocalHostParts,
  ) {
    this.#host = host;
    this.hypervisor = hypervisor;
    this.cuts = new LocalCuts({
      ...{ domains: hypervisor.domains, network: hypervisor.network },
      inspect: (uuid, request, signal) => this.inspect(uuid, request, signal),
      tell: (event) => this.#tell(event),
    });
    const kept = { network: hypervisor.network, cuts: this.cuts };
    this.#keptOff = keepsOff
      ? new KeptOff({ ...kept, tell: (event) => this.#tell(event) })
      : undefined;
    this.#scans = scans;
    this.#pauses = pauses;
    this.name = name;
    this.uri = host.uri;
    this.id = createHash("sha256").update(`${name}\0${place}`).digest("hex").slice(0, 16);
    this.#watching = this.#watch();
    this.#keptOff?.renewAll();
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
    const sweeping = { subject: domain.name, takenAt };
    const withRules = request.rules !== undefined;
    if (!withRules && request.withAgent !== true) {
      return { ...sweeping, ...(await this.#sweeper.sweep(guest, request, signal)) };
    }
    // Rules take time and memory and are whose they are, agents take what time they like and say what they
    // like: what deals with them ends with the sweep.
    await using inspector = new Inspector({ withRules });
    return { ...sweeping, ...(await inspector.sweep(guest, request, signal)) };
  }

  async glance(
    uuid: string,
    budget: Milliseconds,
    signal?: AbortSignal,
  ): Promise<GuestGlance | undefined> {
    // Nothing is asked of libvirt: a run that ended is let go by its events.
    const key = this.#held.get(uuid);
    return key === undefined ? undefined : await this.#sweeper.glance(key, budget, signal);
  }

  async readPages(uuid: string, request: PagesRequest, signal?: AbortSignal): Promise<GuestPages> {
    const { addresses } = request;
    if (addresses.length > mostPages || !addresses.every(isAddress)) {
      throw new CasemateError(
        "usage",
        `Cannot read ${addresses.length} pages: expected at most ${mostPages}, each by an address.`,
      );
    }
    const domain = await this.#findRunning(uuid, signal);
    const takenAt = new Date();
    const guest = this.#guestOf(domain);
    await this.#hold(uuid, guest.key);
    return { takenAt, ...(await this.#inspector.readPages(guest, request, signal)) };
  }

  async extractMemory(
    uuid: string,
    request: MemoryExtractionRequest,
    onExtracted?: OnExtracted,
    signal?: AbortSignal,
  ): Promise<MemoryExtraction> {
    const domain = await this.#findRunning(uuid, signal);
    const { open } = this.#guestOf(domain);
    const pause = (limit?: Milliseconds) => this.#pause(domain, limit, signal);
    return await extractMemory({ open, pause }, request, onExtracted, signal);
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
    await this.cuts[Symbol.asyncDispose]();
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

  #pause({ uuid, name }: Domain, limit?: Milliseconds, signal?: AbortSignal): Promise<Pause> {
    const journal = this.#journalFor(`pause ${name}`);
    return this.#host.withConnection((connection) =>
      pauseVm({ connection, uuid, limit, journal }, signal),
    );
  }

  async #callKernel(uuid: string, call: KernelCall, signal?: AbortSignal): Promise<KernelCallEnd> {
    const { name } = await this.#findRunning(uuid, signal);
    const journal = this.#journalFor(`act on processes of ${name}`);
    return await this.#host.withConnection((connection) =>
      callKernel({ connection, uuid, call, journal }, signal),
    );
  }

  #journalFor(doing: string): string {
    if (this.#pauses !== undefined) return this.#pauses;
    throw new CasemateError(
      "internal",
      `Cannot ${doing}: this agent has no directory to note it in, expected one.`,
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
      talk: (budget, signal) => {
        const execute: AgentCommand = (command, seconds) =>
          this.#host.withConnection((connection) =>
            connection.agentCommand(uuid, command, seconds, signal),
          );
        return talkToAgent(execute, budget, signal);
      },
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

  #tell(event: HostEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #watch(): Promise<void> {
    for await (const event of this.#host.events()) {
      const told = asHostEvent(event);
      if (told !== undefined) this.#tell(told);
      this.#keptOff?.hear(event);
      // What could not be ended while libvirt was away can be now; what fails is found at the next start.
      if (event.kind === "connected") this.#scans.endAbandoned().catch(() => {});
      // A guest that stopped or booted anew is another guest: its kernel lies elsewhere.
      if ((event.kind === "lifecycle" && event.event === "stopped") || event.kind === "reboot") {
        // Not awaited: events do not wait for looks. What fails here shows in the next look.
        this.#letGo(event.uuid).catch(() => {});
      }
    }
  }
}

function isAddress(text: string): boolean {
  return /^0x[0-9a-f]{1,16}$/.test(text);
}

function asVm({ uuid, name, state, vcpus, memory }: Domain): AgentVm {
  return { uuid, name, state, vcpus, memoryBytes: memory };
}
