/** A container image in a store on the disk. HOSTILE: the guest says it. */
export interface ContainerImage {
  readonly store: "docker" | "podman" | "containerd";
  /** `docker.io/library/nginx:1.27`; none for one that nothing refers to by name. */
  readonly names: readonly string[];
  /** Of its configuration, or where the store goes by it of its manifest: `sha256:…`. */
  readonly id: string;
  /** ISO 8601. */
  readonly created?: string;
  readonly architecture?: string;
  /** Digests of its layers unpacked (`diff_ids` of its configuration), lowest first. */
  readonly layers: readonly string[];
  /** The path of the record that says so. */
  readonly from: string;
}

/** HOSTILE: nobody builds more. */
export const MAX_LAYERS = 1_000;
