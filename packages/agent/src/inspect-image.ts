import { flushCompileCache } from "node:module";
import { openMemoryImage } from "@casemate/host/open-memory-image";
import { inspectableView, type ViewRequest } from "./inspectable-view.ts";
import { dropPrivileges } from "./inspector/drop-privileges.ts";
import { Guest } from "./inspector/guest.ts";
import type { ViewTable } from "./view-table.ts";

/**
 * A view of the guest whose memory is in the file at `path`, read in this process.
 *
 * A process that is root stops being it for good once the file is open. Throws `dump/*`, `kernel/*`,
 * `inspect/budget`.
 */
export async function inspectImage(path: string, request: ViewRequest): Promise<ViewTable> {
  const view = inspectableView(request);
  const takenAt = new Date();
  const memory = await openMemoryImage(path);
  flushCompileCache(); // nobody may write there, so Node could not at the end
  dropPrivileges();
  await using guest = await Guest.open(memory);
  return { view, subject: path, takenAt, ...guest.read(request) };
}
