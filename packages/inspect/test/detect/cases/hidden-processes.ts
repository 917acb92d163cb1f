import { type Gva, gva } from "@casemate/core";
import { findTask } from "../../../src/index.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { unhash, unlink } from "../list-edits.ts";
import { once } from "../once.ts";
import { sleeperOf } from "../sleeper-of.ts";
import { type ProcessPlace, unlistProcess } from "../unlist-process.ts";

const detector = "hidden-processes";
const isSleeper = /^process \d+ started at [\d.]+$/;
/** No address that can be. */
const NOWHERE = gva(0x4141_4141_4141_4141n);

export const hiddenProcessesCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a process off the list of tasks",
    finds: isSleeper,
    tamper: (guest) => hide(guest, "tasks"),
  },
  {
    detector,
    claim: "a process out of the pid table, so that /proc has it not",
    finds: isSleeper,
    tamper: (guest) => hide(guest, "pids"),
  },
  {
    detector,
    claim: "a process off the list of tasks and out of the pid table",
    finds: isSleeper,
    tamper: (guest) => hide(guest, "tasks", "pids"),
  },
  {
    detector,
    claim: "a process whose number leads to no task",
    finds: isSleeper,
    tamper: (guest) => change(guest, (task) => unhash(guest, member(guest, task, "pid_links[0]"))),
  },
  {
    detector,
    claim: "a process outside of all control groups",
    finds: isSleeper,
    tamper: (guest) => hide(guest, "cgroups"),
  },
  {
    detector,
    claim: "a process that only its page tables tell of",
    finds: isSleeper,
    tamper: (guest) => hide(guest, "tasks", "pids", "cgroups", "children"),
  },
  {
    detector,
    claim: "page tables in use that lead to no process",
    finds: /^address space 0x[0-9a-f]+$/,
    tamper: (guest) => hide(guest, "tasks", "pids", "cgroups", "children", "owner"),
  },
  {
    detector,
    claim: "a thread that is not among those of its process",
    finds: /^thread \d+ of process \d+ started at [\d.]+$/,
    tamper: async (guest) => {
      const thread = await threadOf(guest);
      return guest.edit(() => unlink(guest, member(guest, thread, "thread_node")));
    },
  },
  {
    detector,
    claim: "a list of tasks that leads nowhere",
    finds: "could not look",
    tamper: (guest) =>
      change(guest, (task) => [guest.writeU64(member(guest, task, "tasks"), NOWHERE)]),
  },
];

/** The second of a server's threads. */
const threadOf = once(async (guest) => {
  await guest.start(
    "redis-server --port 0 --unixsocket /run/casemate-hidden.redis --save '' --dir /tmp",
  );
  const tid = await guest.run(
    `for i in $(seq 100); do
      set -- /proc/$(pidof redis-server)/task/*; [ $# -gt 2 ] && { basename $2; exit; }; sleep 0.2
    done; exit 1`,
  );
  return guest.look(({ kernel }) => findTask(kernel, Number(tid)));
});

async function hide(
  guest: GuestEditor,
  ...places: readonly ProcessPlace[]
): Promise<AsyncDisposable> {
  const sleeper = await sleeperOf(guest);
  return guest.edit(() => unlistProcess(guest, sleeper, ...places));
}

async function change(
  guest: GuestEditor,
  edit: (task: Gva) => readonly Disposable[],
): Promise<AsyncDisposable> {
  const { task } = await sleeperOf(guest);
  return guest.edit(() => edit(task));
}

function member(guest: GuestEditor, task: Gva, name: string): Gva {
  return guest.look(({ kernel }) => kernel.struct("task_struct").address(name)(task));
}
