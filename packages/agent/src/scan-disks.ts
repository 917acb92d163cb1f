import { flushCompileCache } from "node:module";
import { openDiskFiles } from "@casemate/host/open-disk-files";
import type { ScanOptions, Sections, SystemDisk, SystemScan } from "@casemate/scan";
// Not by the whole package: what matches advisories takes longer to load than a scan takes.
import { scanSystem } from "@casemate/scan/scan-system";
import { dropPrivileges } from "./confined/drop-privileges.ts";

/** What a scan is of, and when it was made. */
export interface DiskScan<Rows extends Record<keyof Rows, object>> extends SystemScan<Rows> {
  readonly subject: string;
  readonly takenAt: Date;
}

/**
 * What is on the disks of the system in the files of `images`, read in this process: of each disk the image,
 * and what it is a layer above, if anything.
 *
 * A process that is root stops being it for good once the files are open. Throws `disk/*`.
 */
export async function scanDisks<Rows extends Record<keyof Rows, object>>(
  images: readonly (readonly string[])[],
  sections: Sections<Rows>,
  options: ScanOptions<Rows>,
): Promise<DiskScan<Rows>> {
  const takenAt = new Date();
  using opened = new DisposableStack();
  const disks: SystemDisk[] = [];
  for (const paths of images) {
    const { disk } = opened.use(await openDiskFiles(paths, options.key));
    disks.push({ name: paths[0] ?? "", reader: disk });
  }
  flushCompileCache(); // nobody may write there, so Node could not at the end
  dropPrivileges();
  return {
    subject: disks.map(({ name }) => name).join(", "),
    takenAt,
    ...scanSystem(disks, sections, options),
  };
}
