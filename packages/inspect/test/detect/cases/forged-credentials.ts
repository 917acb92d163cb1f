import { type Gva, gva } from "@casemate/core";
import { findTask } from "../../../src/index.ts";
import type { DetectorCase } from "../detector-case.ts";
import type { GuestEditor } from "../guest-editor.ts";
import { startSleepers } from "../sleepers.ts";

const detector = "forged-credentials";
/** busybox's su is setuid root, and what it starts is nobody's. */
const AS_NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups sleep 1000000";

export const forgedCredentialsCases: readonly DetectorCase[] = [
  {
    detector,
    claim: "a process with the credentials of the first",
    finds: /^process \d+ started at [\d.]+: shared$/,
    tamper: (guest) =>
      forge(guest, (task) => {
        const init = guest.look(({ kernel }) => pointTo(guest, findTask(kernel, 1)));
        return [guest.writeU64(member(guest, task, "real_cred"), init)];
      }),
  },
  {
    detector,
    claim: "a process with the credentials of the idle task",
    finds: /: init_cred$/,
    tamper: (guest) =>
      forge(guest, (task) => {
        const init = guest.look(({ kernel }) => kernel.symbol("init_cred"));
        return [guest.writeU64(member(guest, task, "real_cred"), init)];
      }),
  },
  {
    detector,
    claim: "user IDs that were written over",
    finds: /: user$/,
    tamper: (guest) => forge(guest, (task) => zeroUsers(guest, task)),
  },
  {
    detector,
    claim: "a process that rose to root between two sweeps",
    finds: /: rise$/,
    tamper: (guest) =>
      forge(
        guest,
        (task) => zeroUsers(guest, task),
        () => guest.sweep(detector),
      ),
  },
];

/** Changes a sleeper that is nobody; undone, it ends as what it was. */
async function forge(
  guest: GuestEditor,
  change: (task: Gva) => readonly Disposable[],
  before: () => Promise<unknown> = async () => {},
): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  const { task } = undo.use(await startSleepers(guest, AS_NOBODY));
  await before();
  undo.use(await guest.edit(() => change(task)));
  return undo.move();
}

const member = (guest: GuestEditor, task: Gva, name: string): Gva =>
  guest.look(({ kernel }) => kernel.struct("task_struct").address(name)(task));

const pointTo = (guest: GuestEditor, task: Gva): bigint =>
  guest.u64(member(guest, task, "real_cred"));

/** As exploits do: `uid` to `fsgid` are one after another. */
function zeroUsers(guest: GuestEditor, task: Gva): readonly Disposable[] {
  const first = guest.look(({ kernel }) => kernel.struct("cred").offset("uid"));
  return [guest.write(gva(pointTo(guest, task) + BigInt(first)), new Uint8Array(32))];
}
