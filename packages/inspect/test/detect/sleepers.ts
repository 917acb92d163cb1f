import type { Gva } from "@casemate/core";
import { findTask } from "../../src/index.ts";
import type { GuestEditor } from "./guest-editor.ts";

/** A process of a guest that only sleeps; its neighbours on all lists sleep too. */
export interface Sleeper extends AsyncDisposable {
  readonly pid: number;
  /** Address of its `task_struct`. */
  readonly task: Gva;
}

/**
 * Starts three sleeping processes of one kind, and gives the one in the middle. Where any sleeper does,
 * `sleeperOf` has one at hand.
 */
export async function startSleepers(
  guest: GuestEditor,
  command = "sleep 1000000",
): Promise<Sleeper> {
  const started = await guest.run(
    // Each is waited for until it is what it becomes at last.
    `pids=; for i in 1 2 3; do ${command} >/dev/null 2>&1 & pids="$pids $!"; done; for pid in $pids; do until grep -qx sleep /proc/$pid/comm; do sleep 0.1; done; echo $pid; done`,
  );
  const pids = started.split("\n").map(Number);
  const pid = pids[1] ?? 0;
  return {
    pid,
    task: guest.look(({ kernel }) => findTask(kernel, pid)),
    [Symbol.asyncDispose]: async () => {
      await guest.run(`kill -9 ${pids.join(" ")}; sleep 0.2; true`);
    },
  };
}
