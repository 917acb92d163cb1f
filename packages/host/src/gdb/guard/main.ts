/**
 * The guard of one call of a guest's kernel: it ends what is left of the call in the VM when whoever started
 * it is gone, however that went, or takes too long. It is in a session of its own and deaf to polite signals.
 */
import { readSync, rmSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { backOff } from "../../libvirt/back-off.ts";
import { toFailure } from "../../libvirt/calls/call.ts";
import { LibvirtConnection } from "../../libvirt/libvirt-connection.ts";
import { isReadable } from "../../memory/pid-fd.ts";
import { findQemuRun } from "../../pause/qemu-run.ts";
import { resumeIfStillPaused } from "../../pause/resume-if-still-paused.ts";
import {
  type WatchdogAnswer,
  type WatchdogTask,
  watchdogOrders,
} from "../../pause/watchdog/messages.ts";

const orders = 0;
const answers = 1;

const { record, limitMs, entryPath } = JSON.parse(process.argv[2] ?? "") as WatchdogTask; // its parent wrote it

function say(answer: WatchdogAnswer): void {
  try {
    writeSync(answers, `${JSON.stringify(answer)}\n`);
  } catch {
    // Nobody listens any more; what is to be done is the same.
  }
}

/** Whether the call ended as it should before its time was over. */
function isTold(): boolean {
  const from = performance.now();
  for (let left = limitMs; left > 0; left = Math.ceil(limitMs - (performance.now() - from))) {
    if (!isReadable(orders, left)) continue;
    const order = Buffer.alloc(1);
    return readSync(orders, order) === 1 && order[0] === watchdogOrders.thaw;
  }
  return false;
}

async function endForSure(): Promise<void> {
  for (let attempt = 0; findQemuRun(record.run) !== undefined; attempt += 1) {
    try {
      // Anew each time: libvirtd may have been started again.
      await using connection = await LibvirtConnection.open(record.uri);
      await resumeIfStillPaused(connection, { ...record, pausedAt: "" });
      return;
    } catch {
      await sleep(backOff(attempt));
    }
  }
}

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => {});
try {
  // Not before it is known that libvirt can be reached at all.
  await (await LibvirtConnection.open(record.uri)).close();
  say({ kind: "ready" });
  if (!isTold()) await endForSure();
  // A VM that ended has nobody to remove it.
  if (record.gdb !== undefined) rmSync(record.gdb, { recursive: true, force: true });
} catch (thrown) {
  const { code, message } = toFailure(thrown);
  say({ kind: "error", code, message });
}
rmSync(entryPath, { force: true });
