import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isWhole } from "../walk/is-whole.ts";
import { openSockets } from "./open-sockets.ts";
import type { FamiliesFound } from "./process-families.ts";

/** Who has sockets open: members of families, other processes, or both. */
export interface SocketHolders {
  readonly family: ReadonlySet<Gva>;
  readonly others: ReadonlySet<Gva>;
  /** Whether all that members have open was read. */
  readonly whole: boolean;
}

/** Sorts sockets by who has them open, hidden processes and threads with descriptors of their own too. */
export function socketHolders(
  kernel: KernelReader,
  { families, processes }: FamiliesFound,
): SocketHolders {
  const filesOf = kernel.struct("task_struct").pointer("files");
  const socketsOf = openSockets(kernel);
  const family = new Set<Gva>();
  const others = new Set<Gva>();
  const collect = (tasks: readonly Gva[], into: Set<Gva>) => {
    for (const files of new Set(tasks.map(filesOf))) {
      if (files === 0n) continue; // It is about to end.
      for (const { sock } of socketsOf(files)) into.add(sock);
    }
  };
  const members = new Set(families.flatMap(({ members }) => [...members.keys()]));
  let whole = true;
  for (const [leader, tasks] of processes) {
    const into = members.has(leader) ? family : others;
    const isRead = isWhole(kernel, () =>
      kernel.attempt(() => collect(tasks, into), "open files of task_struct", leader),
    );
    if (!isRead && into === family) whole = false;
  }
  return { family, others, whole };
}
