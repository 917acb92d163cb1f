import { defineView, walkProcesses } from "@casemate/inspect";

export interface ThreadGroupRow {
  readonly pid: number;
  /** HOSTILE: processes name themselves. */
  readonly name: string;
  readonly threads: number;
  readonly parent: string;
  readonly running: boolean;
}

/** Processes with more than one thread, and who started them. */
export const largestThreadGroups = defineView({
  id: "largest-thread-groups",
  kind: "ThreadGroupList",
  title: "Largest thread groups",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly ThreadGroupRow[] {
    // Accessors are compiled once a kernel; the names are C expressions, checked against BTF.
    const task = kernel.struct("task_struct");
    const pid = task.number("tgid");
    const name = task.string("comm");
    const threads = task.number("signal->nr_threads");
    const parent = task.string("real_parent->comm");
    // Kernels before 5.14 call it `state`: the first name that this kernel has is taken.
    const state = task.number("__state", "state");

    const rows: ThreadGroupRow[] = [];
    // One that is damaged is told beside the rows, and the others are shown all the same.
    kernel.each("task_struct", walkProcesses(kernel), (at) => {
      if (threads(at) < 2) return;
      rows.push({
        pid: pid(at),
        name: name(at),
        threads: threads(at),
        parent: parent(at),
        running: state(at) === 0,
      });
    });
    return rows.sort((a, b) => b.threads - a.threads);
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "threads", title: "THREADS", align: "right" },
    { key: "name", title: "NAME" },
    { key: "parent", title: "PARENT", text: ({ parent }) => `[${parent}]` },
  ],
});
