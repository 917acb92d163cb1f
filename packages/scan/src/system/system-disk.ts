import type { BlockReader } from "@casemate/formats/disk";

/** A disk of the system that is scanned: what its guest sees, whichever image it is in. */
export interface SystemDisk {
  /** For people: the path of the image, or what the hypervisor calls the disk. */
  readonly name: string;
  readonly reader: BlockReader;
}
