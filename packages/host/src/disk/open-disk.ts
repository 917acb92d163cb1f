import type { BlockReader } from "@casemate/formats/disk";

/** A disk in files that are open; disposing closes them. */
export interface OpenDisk extends Disposable {
  readonly disk: BlockReader;
}
