/** A VM's snapshot as libvirt knows it. */
export interface DomainSnapshot {
  readonly name: string;
  /** The snapshot it was taken on top of. */
  readonly parent: string | undefined;
  /** Whether the VM's state now comes from this one. */
  readonly current: boolean;
}
