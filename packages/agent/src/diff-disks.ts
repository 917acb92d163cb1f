import { flushCompileCache } from "node:module";
import { openDiskFiles, type ReadThrough } from "@casemate/host/open-disk-files";
import type { DiffOptions, Sections, SystemDiff, SystemDisk } from "@casemate/scan";
import { diffSystems } from "@casemate/scan/diff-systems";
import { ReadTrace } from "@casemate/scan/read-trace";
import { dropPrivileges } from "./confined/drop-privileges.ts";

/** What differs between two states of a system, and which these are. */
export interface DiskDiff<Rows extends Record<keyof Rows, object>> extends SystemDiff<Rows> {
  readonly subjects: { readonly before: string; readonly after: string };
  readonly takenAt: Date;
}

/** The disks of one state: of each the image, and what it is a layer above, if anything. */
type Images = readonly (readonly string[])[];

/**
 * What differs between the system on the disks in the files of `images.before` and of `images.after`, read in
 * this process; `FILE#SNAPSHOT` is an internal snapshot of a qcow2 image.
 *
 * A process that is root stops being it for good once the files are open. Throws `disk/*`.
 */
export async function diffDisks<Rows extends Record<keyof Rows, object>>(
  images: { readonly before: Images; readonly after: Images },
  sections: Sections<Rows>,
  options: Omit<DiffOptions<Rows>, "trace">,
): Promise<DiskDiff<Rows>> {
  const takenAt = new Date();
  using opened = new DisposableStack();
  const trace = new ReadTrace();
  const through: ReadThrough = (file, identity) => trace.through(file, identity);
  const open = async (side: Images) => {
    const disks: SystemDisk[] = [];
    for (const paths of side) {
      const { disk } = opened.use(await openDiskFiles(paths, options.key, through));
      disks.push({ name: paths[0] ?? "", reader: disk });
    }
    return disks;
  };
  const disks = { before: await open(images.before), after: await open(images.after) };
  flushCompileCache(); // nobody may write there, so Node could not at the end
  dropPrivileges();
  return {
    subjects: { before: describe(images.before), after: describe(images.after) },
    takenAt,
    ...diffSystems(disks, sections, { ...options, trace }),
  };
}

const describe = (images: Images): string => images.map(([first = ""]) => first).join(", ");
