import type { ConsoleControl } from "./hypervisor/console-control.ts";
import type { DeviceControl } from "./hypervisor/device-control.ts";
import type { DomainControl } from "./hypervisor/domain-control.ts";
import type { HypervisorFacts } from "./hypervisor/hypervisor-facts.ts";
import type { ImageControl } from "./hypervisor/image-control.ts";
import type { NetworkControl } from "./hypervisor/network-control.ts";
import type { PackageControl } from "./hypervisor/package-control.ts";
import type { SnapshotControl } from "./hypervisor/snapshot-control.ts";
import type { StorageControl } from "./hypervisor/storage-control.ts";

/**
 * Everything that operations do at a host. Arguments and answers are plain data, for an agent may be on
 * another machine; VMs go by UUID, files by absolute paths of the host.
 *
 * It is raw: whether something may be done is decided above it. What it does guard is the host: images
 * are read and written only inside storage pools and the directories that the host's configuration names
 * (`storage/outside`), and no image's header makes it open another file.
 *
 * Beside what a method names, all throw `libvirt/unreachable`, `libvirt/not-permitted`, `libvirt/failed`
 * with libvirt's words, `vm/unknown` for a VM that is not there, and `cancelled`.
 */
export interface Hypervisor {
  /** What the host's libvirt and QEMU can do; `plan` refuses what they cannot. */
  facts(signal?: AbortSignal): Promise<HypervisorFacts>;
  readonly domains: DomainControl;
  readonly devices: DeviceControl;
  readonly snapshots: SnapshotControl;
  readonly storage: StorageControl;
  readonly images: ImageControl;
  readonly packages: PackageControl;
  readonly console: ConsoleControl;
  readonly network: NetworkControl;
}
