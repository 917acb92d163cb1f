import { walkAbandonedEntries } from "../../journal/journal-entry.ts";
import { findQemuRun } from "../../pause/qemu-run.ts";
import { endView, type WithConnection } from "./end-view.ts";
import { viewJournal } from "./view-journal.ts";
import { parseViewRecord } from "./view-record.ts";

/**
 * Ends what views of this libvirt's VMs a Casemate left that has ended, and of VMs that run no more.
 *
 * Views under way are not touched. Throws `libvirt/*`; then the next one finds what is left.
 */
export async function endAbandonedViews(uri: string, connect: WithConnection): Promise<void> {
  for await (const { entry, record } of walkAbandonedEntries(viewJournal(), parseViewRecord)) {
    if (record !== undefined) {
      // Another libvirt's: whoever attaches to that one ends it.
      if (record.uri !== uri && findQemuRun(record.run) !== undefined) continue;
      await endView(record, connect);
    }
    await entry.remove();
  }
}
