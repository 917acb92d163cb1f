import type { Gva } from "@casemate/core";
import type { GuestEditor } from "./guest-editor.ts";
import { eraseFromIdr, unlink } from "./list-edits.ts";
import type { Sleeper } from "./sleepers.ts";

/** Places that a process is taken out of; `owner`: its page tables no longer say whose they are. */
export type ProcessPlace = "tasks" | "pids" | "cgroups" | "children" | "owner";

/** Takes a process out of some of the kernel's structures. */
export function unlistProcess(
  guest: GuestEditor,
  { task, pid }: Pick<Sleeper, "task" | "pid">,
  ...places: readonly ProcessPlace[]
): readonly Disposable[] {
  const member = (name: string): Gva =>
    guest.look(({ kernel }) => kernel.struct("task_struct").address(name)(task));
  const unlist = (place: ProcessPlace): readonly Disposable[] => {
    switch (place) {
      case "tasks":
        return unlink(guest, member("tasks"));
      case "cgroups":
        return unlink(guest, member("cg_list"));
      case "children":
        return unlink(guest, member("sibling"));
      case "pids": {
        const idr = guest.look(({ kernel }) =>
          kernel.struct("pid_namespace").address("idr")(kernel.symbol("init_pid_ns")),
        );
        return [eraseFromIdr(guest, idr, pid)];
      }
      case "owner": {
        const owner = guest.look(({ kernel }) => {
          const mm = kernel.struct("task_struct").pointer("mm")(task);
          return kernel.struct("mm_struct").address("owner")(mm);
        });
        return [guest.writeU64(owner, 0n)];
      }
    }
  };
  return places.flatMap(unlist);
}
