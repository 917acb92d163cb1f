import type { Milliseconds } from "@casemate/core";
import type { CutControl } from "./cut-control.ts";
import type { FileWatchTick } from "./file-watch.ts";
import type { GuestGlance } from "./guest-glance.ts";
import type { GuestPages, PagesRequest } from "./guest-pages.ts";
import type { GuestSweep, SweepRequest } from "./guest-sweep.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { LookRequest } from "./inspectable-view.ts";
import type {
  MemoryExtraction,
  MemoryExtractionRequest,
  OnExtracted,
} from "./memory-extraction.ts";
import type { ProcessControl } from "./process-control.ts";
import type { ViewTable } from "./view-table.ts";
import type { ScanRequest, VmScan } from "./vm-scan.ts";

/** The states of a VM, in libvirt's words (virDomainState, libvirt-domain.h). */
export const vmStates = [
  "nostate",
  "running",
  "blocked",
  "paused",
  "shutdown",
  "shutoff",
  "crashed",
  "pmsuspended",
] as const;
export type VmState = (typeof vmStates)[number];

/** A VM as its hypervisor tells it now. */
export interface AgentVm {
  readonly uuid: string;
  readonly name: string;
  readonly state: VmState;
  readonly vcpus: number;
  readonly memoryBytes: number;
}

/** Something that happened at the host: to a VM, or to the connection to libvirt. */
export interface HostEvent {
  readonly at: Date;
  readonly type: "vm" | "connection";
  /** `started`, `stopped`, … as libvirt says; `connected` or `lost` of a connection; `isolationFailed`; `cutEvents`. */
  readonly what: string;
  readonly vm?: { readonly uuid: string; readonly name: string };
  readonly detail?: string;
}

/** Whether libvirt answers, and if not why. */
export interface HostStatus {
  readonly connected: boolean;
  readonly detail: string;
}

/** One hypervisor host, as the control plane uses it: sees VMs and looks into them; pauses them only where that is asked for. */
export interface HostAgent extends AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly uri: string;
  /** What operations do to the host's VMs and images. */
  readonly hypervisor: Hypervisor;
  /** What operations do to single processes of its guests. */
  readonly processes: ProcessControl;
  /** Keeps single processes of its guests off the network. */
  readonly cuts: CutControl;
  status(): HostStatus;
  /** Throws `libvirt/unreachable`. */
  listVms(signal?: AbortSignal): Promise<readonly AgentVm[]>;
  /**
   * A view of the VM with `uuid`, read off this thread by a process without rights.
   *
   * Throws `vm/*`, `memory/*`, `kernel/*`, `inspect/budget`, `inspect/crashed`; where it is to pause the VM,
   * what `pauseVm` throws too.
   */
  inspect(uuid: string, request: LookRequest, signal?: AbortSignal): Promise<ViewTable>;
  /**
   * What detectors say of the VM with `uuid`, from its memory and, where that is asked for, its disks; read off
   * this thread by a process without rights. What a detector cannot look at is in its verdict.
   *
   * Throws `usage`, `vm/*`, `memory/*`, `kernel/*` where the kernel is not found, `rules/malformed`,
   * `inspect/budget`, `inspect/crashed`.
   */
  sweep(uuid: string, request: SweepRequest, signal?: AbortSignal): Promise<GuestSweep>;
  /**
   * Pages of the kernel of the VM with `uuid` as they are in memory, read off this thread by a process without
   * rights. What is no page of the kernel's own is missed.
   *
   * Throws as `inspect`; `usage` for more than `mostPages` addresses or what is none.
   */
  readPages(uuid: string, request: PagesRequest, signal?: AbortSignal): Promise<GuestPages>;
  /**
   * Copies the whole RAM of the VM with `uuid` into a file, whatever runs in it; its kernel need not be found.
   *
   * Throws `vm/*`, `memory/*`, `disk/full`, `inspect/budget`, `inspect/crashed`; where it is to pause the VM, what
   * `pauseVm` throws too; and why `signal` was aborted. Then what the file holds is of no use.
   */
  extractMemory(
    uuid: string,
    request: MemoryExtractionRequest,
    onExtracted?: OnExtracted,
    signal?: AbortSignal,
  ): Promise<MemoryExtraction>;
  /**
   * What shows at a glance of a VM that was swept and runs on, and tells that a sweep is due where it differs from
   * the last; undefined where there is nothing to compare it with.
   *
   * Throws `vm/gone`, `kernel/*`, `inspect/budget`, `inspect/crashed`.
   */
  glance(
    uuid: string,
    budget: Milliseconds,
    signal?: AbortSignal,
  ): Promise<GuestGlance | undefined>;
  /**
   * What is on the disks of one state of the VM with `uuid`, running or not, read by a process without rights.
   *
   * Throws `vm/unknown`, `snapshot/unknown`, `disk/full`, `storage/*`, `image/*`, `inspect/budget`,
   * `inspect/crashed`, `libvirt/*`, and `vm/*` where memory is asked for and the VM does not run. A disk or a
   * part of memory that cannot be read is missed in the result.
   */
  scan(uuid: string, request: ScanRequest, signal?: AbortSignal): Promise<VmScan>;
  /**
   * What happens to the files of the VM with `uuid` while it runs, seen on its disks by a process without rights,
   * until `signal` is aborted. Throws as `watchFiles`.
   */
  watchFiles(uuid: string, signal: AbortSignal): AsyncIterable<FileWatchTick>;
  /** Calls `listener` for each event from now on; disposing ends it. */
  subscribe(listener: (event: HostEvent) => void): Disposable;
}
