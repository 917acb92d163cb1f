import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError } from "@casemate/core";
import { walkAbandonedEntries } from "../../journal/journal-entry.ts";
import type { QmpCommand } from "../../libvirt/qmp.ts";
import { findQemuRun } from "../../pause/qemu-run.ts";
import type { WithConnection } from "../live/end-view.ts";
import { parseNodeBitmaps } from "./block-node.ts";
import { type FollowRecord, followJournal, parseFollowRecord } from "./follow-record.ts";

/** An export lets go of its bitmap a moment after it was told to. */
const askEveryMs = 20;
const MAX_ASKS = 250;

/**
 * Removes the bitmaps of this record from QEMU, whichever of its nodes they are on by now, and the exports of
 * them. Throws `libvirt/*`; then they are still to be removed.
 */
export async function endFollow(
  { run, prefix }: FollowRecord,
  connect: WithConnection,
): Promise<void> {
  // A run that has ended took them with it.
  if (findQemuRun(run) === undefined) return;
  await removeBitmaps(run.uuid, prefix, connect);
}

/**
 * Removes the exports whose ids begin with `prefix`, then the bitmaps whose names do. Throws `libvirt/*`.
 */
export async function removeBitmaps(
  uuid: string,
  prefix: string,
  connect: WithConnection,
): Promise<void> {
  const qmp = (command: QmpCommand) => connect((connection) => connection.qmp(uuid, command));
  for (let asked = 0; asked < MAX_ASKS; asked += 1) {
    const exports = namesIn(await qmp({ execute: "query-block-exports" }), "id", prefix);
    for (const id of exports) {
      const command = { execute: "block-export-del", arguments: { id, mode: "hard" } };
      // It may have been on its way out already.
      await qmp(command).catch(ignoreRefusal);
    }
    const nodes = await qmp({ execute: "query-named-block-nodes", arguments: { flat: true } });
    const left = parseNodeBitmaps(nodes).filter(({ name }) => name.startsWith(prefix));
    if (left.length === 0 && exports.length === 0) return;
    for (const { node, name } of left) {
      const command = { execute: "block-dirty-bitmap-remove", arguments: { node, name } };
      await qmp(command).catch(ignoreRefusal);
    }
    if (asked > 0) await sleep(askEveryMs);
  }
  throw new CasemateError(
    "libvirt/failed",
    `Cannot end following the disks of VM ${uuid}: QEMU keeps a bitmap, expected it to be removed.`,
  );
}

/**
 * Removes what a Casemate that has ended left of following this libvirt's VMs; views that it left are to be
 * ended before. Throws `libvirt/*`; then the next one finds what is left.
 */
export async function endAbandonedFollows(uri: string, connect: WithConnection): Promise<void> {
  for await (const { entry, record } of walkAbandonedEntries(followJournal(), parseFollowRecord)) {
    if (record !== undefined) {
      // Another libvirt's: whoever attaches to that one ends it.
      if (record.uri !== uri && findQemuRun(record.run) !== undefined) continue;
      await endFollow(record, connect);
    }
    await entry.remove();
  }
}

function namesIn(answer: unknown, field: string, prefix: string): readonly string[] {
  return (Array.isArray(answer) ? answer : []).flatMap((item: unknown) => {
    const name = typeof item === "object" && item !== null ? Object(item)[field] : undefined;
    return typeof name === "string" && name.startsWith(prefix) ? [name] : [];
  });
}

/** QEMU says no where it is done already, or not yet: the next question tells. */
function ignoreRefusal(thrown: unknown): void {
  if (!(thrown instanceof CasemateError) || thrown.code !== "libvirt/failed") throw thrown;
}
