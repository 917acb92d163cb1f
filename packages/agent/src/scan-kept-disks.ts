import { flushCompileCache } from "node:module";
import type { ScanOptions, Sections } from "@casemate/scan";
import { ReuseDirectory } from "@casemate/scan/reuse-directory";
import { listReuseKeys } from "@casemate/scan/reuse-keys";
import { scanReusing } from "@casemate/scan/scan-reusing";
import { dropPrivileges } from "./confined/drop-privileges.ts";
import { type OpenLayers, openLayers } from "./open-layers.ts";
import type { DiskScan } from "./scan-disks.ts";

export interface KeptScanOptions<Rows> extends Omit<ScanOptions<Rows>, "key"> {
  /** Where results are kept, a directory that is there. */
  readonly directory: string;
  /** Who scans: of another one no results are taken. */
  readonly scanner: string;
}

/**
 * As `scanDisks`, with results kept in a directory: what a layer below has as it is in the disk is not read
 * again. Throws `disk/*`, and what opening files of the directory throws.
 */
export async function scanKeptDisks<Rows extends Record<keyof Rows, object>>(
  images: readonly (readonly string[])[],
  sections: Sections<Rows>,
  { directory, ...options }: KeptScanOptions<Rows>,
): Promise<DiskScan<Rows>> {
  const takenAt = new Date();
  using opened = new DisposableStack();
  const disks: OpenLayers[] = [];
  for (const paths of images) disks.push(opened.use(await openLayers(paths)));
  const keys = listReuseKeys(disks, sections, options);
  const store = opened.use(new ReuseDirectory(directory, keys));
  flushCompileCache(); // nobody may write there, so Node could not at the end
  dropPrivileges();
  const isSettled = () => disks.every((disk) => disk.isSettled());
  return {
    subject: disks.map(({ name }) => name).join(", "),
    takenAt,
    ...scanReusing(disks, sections, { ...options, store, isSettled }),
  };
}
