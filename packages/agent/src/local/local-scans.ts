import { CasemateError } from "@casemate/core";
import { endAbandonedFollows, endAbandonedViews, type LibvirtConnection } from "@casemate/host";
import type { RunningMemory } from "@casemate/scan";
import { missedInMemory } from "@casemate/scan/missed-in-memory";
import type { FileWatchTick, WatchedDisks } from "../file-watch.ts";
import type { DomainDescription } from "../hypervisor/domain-control.ts";
import type { ScanRequest, VmScan } from "../vm-scan.ts";
import type { HostContext } from "./host-context.ts";
import { StateDisks } from "./state-disks.ts";

/** A request, with what reads the VM's memory where the disks are to be held against it. */
export interface LocalScanRequest extends Omit<ScanRequest, "running"> {
  /** Called once the disks are opened, so that both are of nearly the same moment. */
  readonly readMemory?: ((signal?: AbortSignal) => Promise<RunningMemory>) | undefined;
}

/** Scans of the VMs of a libvirt on this machine. */
export class LocalScans {
  readonly #context: HostContext;
  readonly #disks: StateDisks;
  /** Who had the last view of each VM: libvirt has one of a VM at a time. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(context: HostContext) {
    this.#context = context;
    this.#disks = new StateDisks(context);
  }

  /** What is on the disks of one state of the VM, after whatever else is scanned of it. Throws as `#scan`. */
  async scan(uuid: string, request: LocalScanRequest, signal?: AbortSignal): Promise<VmScan> {
    return await this.#inTurn(uuid, () => this.#scan(uuid, request, signal));
  }

  /** What happens to the files of the VM while it runs. Throws as `watchFiles`, and `vm/unknown`, `storage/*`. */
  async *watchFiles(uuid: string, signal: AbortSignal): AsyncGenerator<FileWatchTick> {
    // Loaded when it is needed, as what scans.
    const { watchFiles } = await import("../file-watch.ts");
    const options = {
      ...{ uri: this.#context.host.uri, uuid },
      disks: () => this.#planWatch(uuid, signal),
      connect: <T>(use: (connection: LibvirtConnection) => Promise<T>) => this.#context.with(use),
      inTurn: <T>(use: () => Promise<T>) => this.#inTurn(uuid, use),
    };
    yield* watchFiles(options, signal);
  }

  async #inTurn<T>(uuid: string, use: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(uuid);
    const own = Promise.resolve(before).then(use);
    const settled = own.catch(() => {}); // whoever asked hears of it; the next one starts anew
    this.#turns.set(uuid, settled);
    try {
      return await own;
    } finally {
      if (this.#turns.get(uuid) === settled) this.#turns.delete(uuid);
    }
  }

  /**
   * What is on the disks of one state of the VM.
   *
   * Throws `vm/unknown`, `vm/not-running`, `snapshot/unknown`, `disk/full`, `storage/*`, `image/*`, `inspect/*`,
   * `libvirt/*`.
   */
  async #scan(uuid: string, request: LocalScanRequest, signal?: AbortSignal): Promise<VmScan> {
    signal?.throwIfAborted();
    const started = performance.now();
    const takenAt = new Date();
    const { snapshot, readMemory, ...options } = request;
    const domain = await this.#context.with((c) => c.findDomain(uuid, signal));
    const vm = await this.#context.describe(domain, signal);
    if (readMemory !== undefined) verifyRunsNow(vm, snapshot);
    // Loaded when it is needed: what knows all sections is a lot.
    const { startScanner } = await import("../scanner.ts");
    await using scanner = await startScanner(options, signal);
    await using opened = await this.#disks.open(vm, snapshot, signal);
    const { state, lost, missed } = opened;
    const stop = AbortSignal.any([signal, lost].filter((each) => each !== undefined));
    await scanner.open(opened, stop);
    const memory = await readMemory?.(stop);
    const { budget, only } = options;
    const scan = await scanner.scan({ budget, only, memory }, stop);
    const after = await this.#context.with((c) => c.findDomain(uuid, signal));
    const isTorn = state.kind === "off" && after.id !== undefined;
    return {
      ...scan,
      missed: [...missed, ...(memory === undefined ? [] : missedInMemory(memory)), ...scan.missed],
      subject: vm.name,
      state: { ...state, consistency: isTorn ? "torn" : "consistent" },
      takenAt,
      elapsedMs: performance.now() - started,
    };
  }

  /** Ends what views of disks, and what follows them, a Casemate left that has ended. */
  async endAbandoned(): Promise<void> {
    await endAbandonedViews(this.#context.host.uri, (use) => this.#context.with(use));
    await endAbandonedFollows(this.#context.host.uri, (use) => this.#context.with(use));
  }

  async #planWatch(uuid: string, signal: AbortSignal): Promise<WatchedDisks> {
    const domain = await this.#context.with((c) => c.findDomain(uuid, signal));
    const vm = await this.#context.describe(domain, signal);
    if (vm.runId === undefined) throw notRunning(`watch the files of ${vm.name}`, vm.state);
    return await this.#disks.planWatch(vm, signal);
  }
}

/** Memory is of now: nothing else can be held against it. */
function verifyRunsNow({ name, state, runId }: DomainDescription, snapshot?: string): void {
  if (snapshot === undefined && runId !== undefined) return;
  const doing = `hold the disks of ${name} against its memory`;
  throw notRunning(doing, snapshot === undefined ? state : `snapshot ${snapshot}, of the past`);
}

function notRunning(doing: string, seen: string): CasemateError {
  return new CasemateError("vm/not-running", `Cannot ${doing}: it is ${seen}, expected it to run.`);
}
