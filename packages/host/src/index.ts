export type {
  ChainDescription,
  DiskDescription,
  ExportDescription,
  LayerDescription,
} from "./disk/disk-description.ts";
export { diskFrom } from "./disk/disk-from.ts";
export { endAbandonedFollows } from "./disk/follow/end-follow.ts";
export { FollowedDisks, type WrittenView } from "./disk/follow/followed-disks.ts";
export { type ForeignFormat, foreignFormats } from "./disk/foreign-format.ts";
export { endAbandonedViews } from "./disk/live/end-abandoned-views.ts";
export type { WithConnection } from "./disk/live/end-view.ts";
export { LiveView, type ViewedDisk } from "./disk/live/live-view.ts";
export type { DiskRange } from "./disk/nbd/read-dirty-ranges.ts";
export { type OpenDisks, openVmDisks } from "./disk/open-vm-disks.ts";
export { capabilities } from "./doctor/capabilities.ts";
export type {
  Capability,
  CapabilityReport,
  DoctorContext,
} from "./doctor/capability.ts";
export { type CheckedCapability, checkCapabilities } from "./doctor/check-capabilities.ts";
export { type CloneIdentity, cloneDefinition } from "./domain-xml/clone-definition.ts";
export { describeDomain } from "./domain-xml/describe-domain.ts";
export { describeSnapshot, snapshotDefinition } from "./domain-xml/describe-snapshot.ts";
export type { DeviceDefinition } from "./domain-xml/device-definition.ts";
export type {
  DefinitionDescription,
  DiskLayer,
  DiskSource,
  DomainConsole,
  DomainDisk,
  DomainFirmware,
  DomainGraphics,
  DomainNic,
  DomainTpm,
} from "./domain-xml/domain-description.ts";
export {
  findDiskElement,
  findInterfaceElement,
  type InterfaceChange,
  withInterface,
  withMedium,
} from "./domain-xml/edit-device.ts";
export { formatBackup } from "./domain-xml/format-backup.ts";
export { formatDevice } from "./domain-xml/format-device.ts";
export { formatLabels } from "./domain-xml/format-labels.ts";
export { formatSnapshot } from "./domain-xml/format-snapshot.ts";
export { labelsElement } from "./domain-xml/labels-element.ts";
export type {
  SnapshotDescription,
  SnapshotDisk,
  SnapshotMemory,
} from "./domain-xml/snapshot-description.ts";
export { callKernel, kernelCallWait } from "./gdb/call-kernel.ts";
export type {
  KernelCall,
  KernelCallEnd,
  KernelGuard,
  KernelListPlace,
} from "./gdb/kernel-call.ts";
export {
  type HookStatus,
  installHook,
  readHookStatus,
  removeHook,
} from "./hook/libvirt-hook.ts";
export { type Accelerator, probeAccelerator } from "./kvm/probe-accelerator.ts";
export type { ConnectionInfo, KeepAlive } from "./libvirt/calls/connection-calls.ts";
export type { Domain, DomainState } from "./libvirt/domain.ts";
export type { DomainEvent, LifecycleDetail, LifecycleEvent } from "./libvirt/domain-event.ts";
export type { CompletedJob, DomainJob } from "./libvirt/domain-job.ts";
export type { DomainSnapshot } from "./libvirt/domain-snapshot.ts";
export type { EventStream } from "./libvirt/event-stream.ts";
export type { LibvirtFlags } from "./libvirt/flags.ts";
export { type CoreDumpFormat, LibvirtConnection } from "./libvirt/libvirt-connection.ts";
export { LibvirtError } from "./libvirt/libvirt-error.ts";
export {
  LibvirtHost,
  type LibvirtHostEvent,
  type LibvirtHostState,
} from "./libvirt/libvirt-host.ts";
export type { Network } from "./libvirt/network.ts";
export type { OpenOptions } from "./libvirt/open-connection.ts";
export type { QmpCommand } from "./libvirt/qmp.ts";
export type { StoragePool, StoragePoolState } from "./libvirt/storage-pool.ts";
export type { StorageVolume } from "./libvirt/storage-volume.ts";
export { findQemuProcess } from "./memory/find-qemu-process.ts";
export type { GuestMemoryDescription } from "./memory/guest-memory-description.ts";
export { MappedMemory } from "./memory/mapped-memory.ts";
export { type ExtractStep, MemoryExtract } from "./memory/memory-extract.ts";
export { memoryFrom } from "./memory/memory-from.ts";
export {
  type GuestMemorySource,
  type OpenGuestMemory,
  openGuestMemory,
  type QemuMonitor,
} from "./memory/open-guest-memory.ts";
export { openMemoryImage } from "./memory/open-memory-image.ts";
export { openVmMemory } from "./memory/open-vm-memory.ts";
export { openSocketPair, type ReceivedFds, receiveFds, sendFds } from "./memory/pass-fds.ts";
export { type CutTraffic, type GuestConnection, noTraffic } from "./network/cut-ruleset.ts";
export {
  type ForensicChannel,
  formatForensicChannel,
  parseForensicChannel,
} from "./network/forensic-channel.ts";
export { VmCut } from "./network/vm-cut.ts";
export { VmIsolation } from "./network/vm-isolation.ts";
export type { Pause, PauseEnd, PauseOutcome } from "./pause/pause.ts";
export { pauseLimit } from "./pause/pause-limit.ts";
export { type PauseOptions, pauseVm } from "./pause/pause-vm.ts";
export { type AbandonedPause, resumeAbandonedPauses } from "./pause/resume-abandoned-pauses.ts";
export { copyBytes, sha256File } from "./storage/copy-bytes.ts";
export { describeImage } from "./storage/describe-image.ts";
export { describePool, type StoragePoolDescription } from "./storage/describe-pool.ts";
export { extractImage } from "./storage/extract-image.ts";
export { formatVolume, volumeFormat } from "./storage/format-volume.ts";
export type { ImageDescription, ImageLayer } from "./storage/image-description.ts";
export { partialPath } from "./storage/make-file.ts";
export {
  copyImage,
  createImage,
  createOverlay,
  type ImageFormat,
  resizeImage,
} from "./storage/make-image.ts";
export { partProgress } from "./storage/part-progress.ts";
export type { OnProgress, Progress } from "./storage/progress.ts";
export { type OvfPackage, readPackage } from "./storage/read-package.ts";
export { storageError } from "./storage/storage-error.ts";
export { StorageGuard } from "./storage/storage-guard.ts";
export { verifyPackage, verifyPackedFile } from "./storage/verify-package.ts";
export { writeOva } from "./storage/write-ova.ts";
