export { Budget, type BudgetLimits } from "./budget.ts";
export {
  type AgentAnswer,
  type AgentQuestion,
  isAgentQuestion,
  isForContents,
} from "./detect/agent/agent-question.ts";
export { Interview } from "./detect/agent/interview.ts";
export { recallFor } from "./detect/agent/recall-for.ts";
export {
  type Allowances,
  type Detector,
  defineDetector,
  type Inspection,
} from "./detect/detector.ts";
export { type Glance, glance } from "./detect/glance.ts";
export type { GuestFiles } from "./detect/guest-files.ts";
export type { PeerGuest } from "./detect/peer-guest.ts";
export type {
  FoundPattern,
  SignatureMatch,
  SignatureMatcher,
} from "./detect/signature-matcher.ts";
export { type Evidence, type Severity, type Suspicion, severities } from "./detect/suspicion.ts";
export { type SweepOptions, sweep } from "./detect/sweep.ts";
export { type TechniqueId, techniques } from "./detect/techniques.ts";
export { usualAllowances } from "./detect/usual-allowances.ts";
export type { Missed, Verdict } from "./detect/verdict.ts";
export { type AttachOptions, attach } from "./kernel/attach.ts";
export type { Damage } from "./kernel/damage.ts";
export { type Access, DATA_CLASSES, type DataClass } from "./kernel/data-class.ts";
export type { FileContentsReader } from "./kernel/file-contents-reader.ts";
export { findRelease } from "./kernel/find-release.ts";
export type { Consistency, Grant, Look } from "./kernel/grant.ts";
export type { Kernel } from "./kernel/kernel.ts";
export type { KernelFacts } from "./kernel/kernel-facts.ts";
export type { KernelReader } from "./kernel/kernel-reader.ts";
export type { KernelTextReader } from "./kernel/kernel-text-reader.ts";
export type { KernelTypes, PlacedBytes } from "./kernel/kernel-types.ts";
export { ProfileCache } from "./kernel/profile-cache.ts";
export type { Accessor, StructType } from "./kernel/struct-type.ts";
export type {
  MemoryPiece,
  UserAddressSpace,
  UserMemoryReader,
} from "./kernel/user-memory-reader.ts";
export { findTask } from "./linux/find-task.ts";
export type { HookKind } from "./linux/hook.ts";
export type { FileType } from "./linux/inode-type.ts";
export { moduleStructs } from "./linux/module-struct.ts";
export type { NetDeviceAddress } from "./linux/net-device-addresses.ts";
export type { NetDeviceFlag } from "./linux/net-device-flags.ts";
export type { NetDeviceStatistics } from "./linux/net-device-statistics.ts";
export type { XdpProgram } from "./linux/net-device-xdp.ts";
export {
  type KernelPage,
  type KernelPages,
  type PageTableEntry,
  readKernelPages,
} from "./linux/read-kernel-pages.ts";
export { type FilePiece, readPageCache } from "./linux/read-page-cache.ts";
export type { SocketState } from "./linux/socket-state.ts";
export { formatSymbol, type SymbolizedAddress, symbolizer } from "./linux/symbolize.ts";
export { type VmaMemory, walkProcessMemory } from "./linux/walk-process-memory.ts";
export { MemoryFault } from "./memory/memory-fault.ts";
export type { PagingLevels } from "./memory/page-tables.ts";
export { printable } from "./printable.ts";
export { type SlabObject, scanObjects } from "./scan/scan-objects.ts";
export { scanTasks } from "./scan/scan-tasks.ts";
export { findSlabCache, readSlabCache, type SlabCache } from "./scan/slab-cache.ts";
export type { TaskCandidate } from "./scan/task-objects.ts";
export {
  type BpfAttachmentRow,
  type BpfBtfRow,
  type BpfLinkRow,
  type BpfMapRow,
  type BpfProgramRow,
  type BpfRow,
  type BpfSeenIn,
  bpf,
} from "./views/bpf.ts";
export { type CommandLineRow, cmdline } from "./views/cmdline.ts";
export {
  type Column,
  type Contents,
  defineView,
  type View,
  type ViewArgument,
  type ViewResult,
} from "./views/define-view.ts";
export { type EnvironRow, environ } from "./views/environ.ts";
export { type FileRow, files } from "./views/files.ts";
export { type HookRow, hooks } from "./views/hooks.ts";
export { type InterfaceRow, interfaces } from "./views/interfaces.ts";
export { type KernelRow, kernel } from "./views/kernel.ts";
export { type LogRow, log } from "./views/log.ts";
export { type MapRow, maps } from "./views/maps.ts";
export { type ModuleRow, type ModuleState, modules } from "./views/modules.ts";
export { type MountRow, mounts } from "./views/mounts.ts";
export { parseArgument } from "./views/parse-argument.ts";
export { type ProcessSocketsRow, processSockets } from "./views/process-sockets.ts";
export { type ProcessRow, processes, walkProcesses } from "./views/processes.ts";
export { type FileRangeRow, readFile } from "./views/read-file.ts";
export {
  type MemoryGuard,
  type SignalPath,
  type SignalTargetRow,
  signalTarget,
} from "./views/signal-target.ts";
export { type SocketOwner, type SocketRow, sockets } from "./views/sockets.ts";
export { type StringRow, strings } from "./views/strings.ts";
export type { TaskState } from "./views/task-state.ts";
export { type ThreadRow, threads } from "./views/threads.ts";
export { type AnyView, views } from "./views/views.ts";
export type { MapleEntry } from "./walk/walk-maple-tree.ts";
export type { XarrayEntry } from "./walk/walk-xarray.ts";
