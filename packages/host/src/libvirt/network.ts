/** A virtual network as libvirt knows it at one moment. */
export interface Network {
  readonly uuid: string;
  readonly name: string;
  /** The host's bridge, where the network has one. */
  readonly bridge: string | undefined;
  readonly active: boolean;
  readonly persistent: boolean;
  readonly autostart: boolean;
}
