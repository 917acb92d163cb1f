import { flushCompileCache } from "node:module";
import { openMemoryImage } from "@casemate/host/open-memory-image";
import { dropPrivileges } from "./confined/drop-privileges.ts";
import { inspectableView, type ViewRequest } from "./inspectable-view.ts";
import { type FindKernel, Guest } from "./inspector/guest.ts";
import type { ViewTable } from "./view-table.ts";

/**
 * A view of the guest whose memory is in the file at `path`, read in this process; `disk` are the files of a
 * disk of the guest, the image and what it is a layer above, for a kernel whose types are not in memory.
 *
 * A process that is root stops being it for good once the file is open. Throws `dump/*`, `disk/*`,
 * `kernel/*`, `inspect/budget`.
 */
export async function inspectImage(
  path: string,
  request: ViewRequest,
  disk: readonly string[] = [],
): Promise<ViewTable> {
  const view = inspectableView(request);
  const takenAt = new Date();
  // Only what is needed is loaded, and before the rights to load it are given up.
  using opened = disk.length === 0 ? undefined : await openGivenDisk(disk);
  const memory = await openMemoryImage(path);
  flushCompileCache(); // nobody may write there, so Node could not at the end
  dropPrivileges();
  await using guest = await Guest.open(memory, opened?.find);
  return { view, subject: path, takenAt, ...guest.read(request) };
}

/** The disk, and how to find a kernel with its help. */
async function openGivenDisk(paths: readonly string[]) {
  const { openDiskFiles } = await import("@casemate/host/open-disk-files");
  const { attachWithDisks } = await import("./inspector/attach-with-disks.ts");
  const opened = openDiskFiles(paths);
  const find: FindKernel = (memory, options) => attachWithDisks(memory, [opened.disk], options);
  return { find, [Symbol.dispose]: () => opened[Symbol.dispose]() };
}
