import type { Bytes } from "@casemate/core";

export interface ImageLayer {
  readonly path: string;
  /** `qcow2`, `raw`, `vmdk`, …, in QEMU's words. */
  readonly format: string;
  /** What a guest sees. */
  readonly virtualSize: Bytes;
  /** What it takes on the host. */
  readonly actualSize: Bytes;
  readonly encrypted: boolean;
}

/** A disk image and what it rests on. HOSTILE: whoever wrote the image wrote its header. */
export interface ImageDescription extends ImageLayer {
  /** The images below, nearest first; the last rests on none. */
  readonly backing: readonly ImageLayer[];
  /** Names of qcow2's internal snapshots. */
  readonly snapshots: readonly string[];
}
