import { findTask } from "../linux/find-task.ts";
import { readArguments } from "../linux/read-arguments.ts";
import { defineView } from "./define-view.ts";
import { optionalPidArgument } from "./pid-argument.ts";
import { walkProcesses } from "./processes.ts";

export interface CommandLineRow {
  readonly pid: number;
  readonly name: string;
  /** As the process holds them now. HOSTILE: it may have changed them. */
  readonly arguments: readonly string[];
  /** Bytes that are not in RAM, or too many to be read. */
  readonly missingBytes: number;
}

/** The arguments of one process or of all that have memory of their own: what /proc/PID/cmdline shows. */
export const cmdline = defineView({
  id: "cmdline",
  kind: "CommandLineList",
  title: "Command lines of processes",
  needs: ["kernelMetadata", "userMemory"],
  argument: optionalPidArgument,
  read(access, _budget, pid): readonly CommandLineRow[] {
    const { kernel } = access;
    const task = kernel.struct("task_struct");
    const pidOf = task.number("pid");
    const name = task.string("comm");
    const mm = task.pointer("mm");
    const read = readArguments(access);
    const rows: CommandLineRow[] = [];
    const tasks = pid === undefined ? walkProcesses(kernel) : [findTask(kernel, pid)];
    kernel.each("task_struct", tasks, (at) => {
      const space = mm(at);
      if (space === 0n) return; // a kernel thread, or a process that has ended
      const { strings, missingBytes } = read(space);
      rows.push({ pid: pidOf(at), name: name(at), arguments: strings, missingBytes });
    });
    return rows;
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "name", title: "NAME" },
    {
      key: "missingBytes",
      title: "MISSING",
      align: "right",
      text: ({ missingBytes }) => (missingBytes === 0 ? "" : String(missingBytes)),
    },
    { key: "arguments", title: "ARGUMENTS", text: ({ arguments: all }) => all.join(" ") },
  ],
});
