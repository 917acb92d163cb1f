import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkProcesses } from "../views/processes.ts";
import { type OpenSocket, openSockets } from "./open-sockets.ts";
import { walkThreads } from "./walk-threads.ts";

/** A socket that a process has open. */
export interface SocketFile extends OpenSocket {
  /** Address of the process's leader. */
  readonly task: Gva;
}

/**
 * Sockets among the open files of all processes. Threads that no longer share their descriptors with
 * their process are looked at too, which /proc/PID/fd does not do. A process that is damaged does not hide
 * the others.
 */
export function* walkSocketFiles(kernel: KernelReader): Generator<SocketFile> {
  const filesOf = kernel.struct("task_struct").pointer("files");
  // Kernel threads share one table, and so do processes made with CLONE_FILES.
  const socketsOf = openSockets(kernel);

  function* socketFilesOf(task: Gva): Generator<SocketFile> {
    const tables = new Set<Gva>();
    for (const thread of walkThreads(kernel, task)) tables.add(filesOf(thread));
    for (const files of tables) {
      if (files === 0n) continue; // It is about to end.
      for (const open of socketsOf(files)) yield { ...open, task };
    }
  }

  for (const task of new Set(kernel.attemptWalk(walkProcesses(kernel), "walk of task_struct"))) {
    yield* kernel.attemptWalk(socketFilesOf(task), "open files of task_struct", task);
  }
}
