import { tmpdir } from "node:os";
import { join } from "node:path";

/** The directory where views of running VMs' disks are noted until they are ended: gone with the host's run. */
export function viewJournal(): string {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? "/run/casemate/views" : join(tmpdir(), `casemate-views-${uid}`);
}
