import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkProcesses } from "../views/processes.ts";
import { type OpenFile, walkFiles } from "./walk-files.ts";
import { walkThreads } from "./walk-threads.ts";

/** An open file of a process. */
export interface ProcessFile extends OpenFile {
  /** Address of the process's leader. */
  readonly task: Gva;
}

/** Open files of all processes and of threads with descriptors of their own; tables that tasks share come once. */
export function* walkProcessFiles(kernel: KernelReader): Generator<ProcessFile> {
  const task = kernel.struct("task_struct");
  const filesOf = task.pointer("files");
  const threads = task.number("signal->nr_threads");
  const seen = new Set<bigint>([0n]);
  const walkTables = function* (leader: Gva): Generator<ProcessFile> {
    for (const thread of threads(leader) > 1 ? walkThreads(kernel, leader) : [leader]) {
      const files = filesOf(thread);
      if (seen.has(files)) continue;
      seen.add(files);
      for (const open of walkFiles(kernel, files)) yield { ...open, task: leader };
    }
  };
  for (const leader of new Set(kernel.attemptWalk(walkProcesses(kernel), "list of tasks"))) {
    yield* kernel.attemptWalk(walkTables(leader), "open files of task_struct", leader);
  }
}
