import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkFiles } from "./walk-files.ts";

/** A socket that a table of open files has. */
export interface OpenSocket {
  /** Address of its `struct sock`. */
  readonly sock: Gva;
  readonly fd: number;
}

/** Reads the sockets among the open files of a `files_struct`, which tasks may share: each is read once. */
export function openSockets(kernel: KernelReader): (files: Gva) => readonly OpenSocket[] {
  const file = kernel.struct("file");
  const operations = file.pointer("f_op");
  const socket = file.pointer("private_data");
  const sock = kernel.struct("socket").pointer("sk");
  const socketOperations = kernel.symbol("socket_file_ops");
  const known = new Map<Gva, readonly OpenSocket[]>();

  return (files) => {
    const before = known.get(files);
    if (before !== undefined) return before;
    const sockets: OpenSocket[] = [];
    for (const open of walkFiles(kernel, files)) {
      if (operations(open.file) !== socketOperations) continue;
      const at = sock(socket(open.file));
      if (at !== 0n) sockets.push({ sock: at, fd: open.fd });
    }
    known.set(files, sockets);
    return sockets;
  };
}
