import { inspectableView, type ViewRequest } from "./inspectable-view.ts";
import { openImage } from "./open-image.ts";
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
  await using image = await openImage(path, disk);
  return { view, subject: path, takenAt, ...image.guest.read(request) };
}
