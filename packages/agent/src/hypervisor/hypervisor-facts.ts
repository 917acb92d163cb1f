/** What a host's libvirt and QEMU can do. */
export interface HypervisorFacts {
  /** libvirt's name of the driver: `QEMU`, `TEST`. */
  readonly driver: string;
  readonly libvirtVersion: string;
  readonly hypervisorVersion: string | undefined;
  readonly hostname: string;
  /** Snapshots inside qcow2, with memory while the VM runs. */
  readonly internalSnapshots: boolean;
  /** Memory to a file of its own, disks to overlays. */
  readonly externalSnapshots: boolean;
  /** Going back to an external snapshot (libvirt 9.9). */
  readonly externalSnapshotRevert: boolean;
  /** Deleting an external snapshot by merging its files (libvirt 9.0). */
  readonly externalSnapshotDelete: boolean;
  /** Internal snapshots of VMs with EFI variables in a pflash (libvirt 10.10). */
  readonly internalSnapshotsOfEfi: boolean;
  /** Copying a running VM's disk at one point in time (`virDomainBackupBegin`, libvirt 7.2). */
  readonly backup: boolean;
  /** Serial consoles through libvirt. */
  readonly consoles: boolean;
  /** `qemu-img` is installed where the agent runs, so that images can be made and read. */
  readonly images: boolean;
}
