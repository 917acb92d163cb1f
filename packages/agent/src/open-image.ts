import { flushCompileCache } from "node:module";
import { openMemoryImage } from "@casemate/host/open-memory-image";
import type { GuestFiles } from "@casemate/inspect";
import { dropPrivileges } from "./confined/drop-privileges.ts";
import { type FindKernel, Guest } from "./inspector/guest.ts";

/** A guest whose memory is in a file; disposing closes it. */
export interface OpenImage extends AsyncDisposable {
  readonly guest: Guest;
  /** The files on its disk, where one is given. */
  readonly files: GuestFiles | undefined;
}

/**
 * Opens the memory in the file at `path` in this process; `disk` are the files of a disk of the guest, the
 * image and what it is a layer above.
 *
 * A process that is root stops being it for good once the files are open. Throws `dump/*`, `disk/*`, `kernel/*`.
 */
export async function openImage(path: string, disk: readonly string[]): Promise<OpenImage> {
  await using stack = new AsyncDisposableStack();
  // Only what is needed is loaded, and before the rights to load it are given up.
  const opened = disk.length === 0 ? undefined : stack.use(await openGivenDisk(disk));
  const memory = await openMemoryImage(path);
  flushCompileCache(); // nobody may write there, so Node could not at the end
  dropPrivileges();
  const guest = stack.use(await Guest.open(memory, opened?.find));
  const held = stack.move();
  return { guest, files: opened?.files, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** The disk, how to find a kernel with its help, and what is on it. */
async function openGivenDisk(paths: readonly string[]) {
  const { openDiskFiles } = await import("@casemate/host/open-disk-files");
  const { attachWithDisks } = await import("./inspector/attach-with-disks.ts");
  const { DiskFiles } = await import("./inspector/disk-files.ts");
  const opened = await openDiskFiles(paths);
  const find: FindKernel = (memory, options) => attachWithDisks(memory, [opened.disk], options);
  const files: GuestFiles = new DiskFiles([opened.disk]);
  return { find, files, [Symbol.dispose]: () => opened[Symbol.dispose]() };
}
