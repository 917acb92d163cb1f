import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkProcesses } from "../views/processes.ts";
import { type OpenFile, walkFiles } from "./walk-files.ts";
import { walkThreads } from "./walk-threads.ts";

/** A socket that a process has open. */
export interface SocketFile {
  /** Address of its `struct sock`. */
  readonly sock: Gva;
  /** Address of the process's leader. */
  readonly task: Gva;
  readonly fd: number;
}

/**
 * Sockets among the open files of all processes. Threads that no longer share their descriptors with
 * their process are looked at too, which /proc/PID/fd does not do. A process that is damaged does not hide
 * the others.
 */
export function* walkSocketFiles(kernel: KernelReader): Generator<SocketFile> {
  const filesOf = kernel.struct("task_struct").pointer("files");
  const file = kernel.struct("file");
  const operations = file.pointer("f_op");
  const socket = file.pointer("private_data");
  const sock = kernel.struct("socket").pointer("sk");
  const socketOperations = kernel.symbol("socket_file_ops");
  // Kernel threads share one table, and so do processes made with CLONE_FILES.
  const known = new Map<Gva, readonly OpenFile[]>();

  const socketsOf = (files: Gva): readonly OpenFile[] => {
    const before = known.get(files);
    if (before !== undefined) return before;
    const sockets = [...walkFiles(kernel, files)].filter(
      (open) => operations(open.file) === socketOperations,
    );
    known.set(files, sockets);
    return sockets;
  };

  function* socketFilesOf(task: Gva): Generator<SocketFile> {
    const tables = new Set<Gva>();
    for (const thread of walkThreads(kernel, task)) tables.add(filesOf(thread));
    for (const files of tables) {
      if (files === 0n) continue; // It is about to end.
      for (const open of socketsOf(files)) {
        const at = sock(socket(open.file));
        if (at !== 0n) yield { sock: at, task, fd: open.fd };
      }
    }
  }

  for (const task of new Set(kernel.attemptWalk(walkProcesses(kernel), "walk of task_struct"))) {
    yield* kernel.attemptWalk(socketFilesOf(task), "open files of task_struct", task);
  }
}
