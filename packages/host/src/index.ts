export { capabilities } from "./doctor/capabilities.ts";
export type {
  Capability,
  CapabilityReport,
  DoctorContext,
} from "./doctor/capability.ts";
export { type CheckedCapability, checkCapabilities } from "./doctor/check-capabilities.ts";
export { type Accelerator, probeAccelerator } from "./kvm/probe-accelerator.ts";
export type { ConnectionInfo, KeepAlive } from "./libvirt/calls/connection-calls.ts";
export type { Domain, DomainState } from "./libvirt/domain.ts";
export type { DomainEvent, LifecycleDetail, LifecycleEvent } from "./libvirt/domain-event.ts";
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
export { findQemuProcess } from "./memory/find-qemu-process.ts";
export type { GuestMemoryDescription } from "./memory/guest-memory-description.ts";
export { MappedMemory } from "./memory/mapped-memory.ts";
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
export type { Pause, PauseEnd, PauseOutcome } from "./pause/pause.ts";
export { pauseLimit } from "./pause/pause-limit.ts";
export { type PauseOptions, pauseVm } from "./pause/pause-vm.ts";
export { type AbandonedPause, resumeAbandonedPauses } from "./pause/resume-abandoned-pauses.ts";
