export type { MachineDescription, MachineDisk, MachineNic } from "@casemate/formats";
export {
  type CloneIdentity,
  cloneDefinition,
  type DefinitionDescription,
  type DeviceDefinition,
  type DiskSource,
  type DomainDisk,
  type DomainJob,
  type DomainNic,
  type DomainState,
  describeDomain,
  type ForensicChannel,
  formatForensicChannel,
  type ImageDescription,
  type ImageFormat,
  type InterfaceChange,
  type OnProgress,
  type Progress,
  parseForensicChannel,
  pauseLimit,
  type SnapshotDescription,
  type StoragePoolDescription,
  type StorageVolume,
} from "@casemate/host";
export { type CutControl, type CutPreview, cutEvents } from "./cut-control.ts";
export { type FileWatchOptions, type FileWatchTick, watchFiles } from "./file-watch.ts";
export type { GuestGlance } from "./guest-glance.ts";
export { type GuestPage, type GuestPages, mostPages, pageClasses } from "./guest-pages.ts";
export {
  chosenDetectors,
  type GuestSweep,
  neededClasses,
  type SweepRequest,
} from "./guest-sweep.ts";
export {
  type AgentVm,
  type HostAgent,
  type HostEvent,
  type HostStatus,
  type VmState,
  vmStates,
} from "./host-agent.ts";
export type { ConsoleControl } from "./hypervisor/console-control.ts";
export {
  type CutProcess,
  cutLabelPrefix,
  isCutLabel,
  type StartedProcess,
} from "./hypervisor/cut-label.ts";
export type { DeviceControl, DeviceName } from "./hypervisor/device-control.ts";
export type {
  ChangeScope,
  DomainControl,
  DomainDescription,
  UndefineChoices,
  WhichDefinition,
} from "./hypervisor/domain-control.ts";
export type { HypervisorFacts } from "./hypervisor/hypervisor-facts.ts";
export type { ImageControl } from "./hypervisor/image-control.ts";
export {
  isolatedLabel,
  isolationFailed,
  type NetworkControl,
  type NetworkCut,
  type NetworkIsolation,
} from "./hypervisor/network-control.ts";
export type {
  ExportedDisk,
  PackageControl,
  PackageDescription,
} from "./hypervisor/package-control.ts";
export type {
  SnapshotControl,
  SnapshotRemoval,
  SnapshotRequest,
} from "./hypervisor/snapshot-control.ts";
export type { StorageControl } from "./hypervisor/storage-control.ts";
export type { Hypervisor } from "./hypervisor.ts";
export { inspectImage } from "./inspect-image.ts";
export { inspectableView, type LookRequest, type ViewRequest } from "./inspectable-view.ts";
export { attachHost, type HostOptions } from "./local-host.ts";
export type { MemoryExtraction } from "./memory-extraction.ts";
export {
  type GuestProcess,
  type ProcessControl,
  type ProcessId,
  type ProcessSignal,
  processSignals,
} from "./process-control.ts";
export { runningViews } from "./running-memory.ts";
export type { ViewItem, ViewTable, ViewValue } from "./view-table.ts";
export type { ScannedState, ScanRequest, VmScan, VmScanRows } from "./vm-scan.ts";
