import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { pathWriter } from "../linux/d-path.ts";
import { findInit } from "../linux/find-init.ts";
import { findTask } from "../linux/find-task.ts";
import { getFsRoot } from "../linux/get-fs-root.ts";
import { type FileType, inodeType } from "../linux/inode-type.ts";
import { walkFiles } from "../linux/walk-files.ts";
import { defineView } from "./define-view.ts";
import { optionalPidArgument } from "./pid-argument.ts";
import { walkProcesses } from "./processes.ts";

export interface FileRow {
  readonly pid: number;
  readonly fd: number;
  readonly type: FileType;
  /** Where it leads, as /proc/PID/fd shows it: a path, or `socket:[4711]`, `anon_inode:[eventfd]`. HOSTILE. */
  readonly path: string;
  /** Flags of open(2) in octal, as /proc/PID/fdinfo shows them. */
  readonly flags: string;
  /** Where the next read begins, in bytes. */
  readonly position: string;
  readonly inode: string;
  /** Of the mount it was opened on; `mounts` tells more. */
  readonly mountId: number;
  /** Address of its `struct file`. */
  readonly file: string;
}

/** `O_CLOEXEC` on x86 (include/uapi/asm-generic/fcntl.h). */
const O_CLOEXEC = 0o2000000;

/** Open file descriptors of one process or of all: what /proc/PID/fd and fdinfo show. */
export const files = defineView({
  id: "files",
  kind: "FileList",
  title: "Open files of processes",
  needs: ["kernelMetadata"],
  argument: optionalPidArgument,
  read({ kernel }, _budget, pid): readonly FileRow[] {
    const task = kernel.struct("task_struct");
    const pidOf = task.number("pid");
    const filesOf = task.pointer("files");
    const read = fileReader(kernel);
    const isCloseOnExec = closeOnExec(kernel);

    const rows: FileRow[] = [];
    const tasks = pid === undefined ? walkProcesses(kernel) : [findTask(kernel, pid)];
    kernel.each("task_struct", tasks, (at) => {
      const table = filesOf(at);
      if (table === 0n) return; // it has ended
      const owner = pidOf(at);
      for (const { fd, file: opened } of walkFiles(kernel, table)) {
        const row = () => ({ pid: owner, fd, ...read(opened, isCloseOnExec(table, fd)) });
        kernel.attempt(() => rows.push(row()), "file", opened);
      }
    });
    return rows;
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "fd", title: "FD", align: "right" },
    { key: "type", title: "TYPE" },
    { key: "flags", title: "FLAGS", align: "right" },
    { key: "position", title: "POSITION", align: "right" },
    { key: "inode", title: "INODE", align: "right" },
    { key: "mountId", title: "MOUNT", align: "right" },
    { key: "path", title: "PATH" },
  ],
});

function fileReader(
  kernel: KernelReader,
): (at: Gva, isCloseOnExec: boolean) => Omit<FileRow, "pid" | "fd"> {
  const file = kernel.struct("file");
  const mnt = file.pointer("f_path.mnt");
  const dentry = file.pointer("f_path.dentry");
  const inode = file.pointer("f_inode");
  const flags = file.number("f_flags");
  const position = file.bigint("f_pos");
  const inodeNumber = kernel.struct("inode").bigint("i_ino");
  const typeOf = inodeType(kernel);
  const mount = kernel.struct("mount");
  const mountId = mount.number("mnt_id");
  const paths = pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));
  return (at, isCloseOnExec) => {
    const path = { mnt: mnt(at), dentry: dentry(at) };
    const node = inode(at);
    const bits = flags(at);
    return {
      type: typeOf(node),
      path: paths.dPath(path),
      flags: octal(isCloseOnExec ? bits | O_CLOEXEC : bits & ~O_CLOEXEC),
      position: String(position(at)),
      inode: String(inodeNumber(node)),
      mountId: mountId(mount.containerOf(path.mnt, "mnt")),
      file: `0x${at.toString(16)}`,
    };
  };
}

/** Reads the bit of a descriptor in its table's `close_on_exec`. */
function closeOnExec(kernel: KernelReader): (files: Gva, fd: number) => boolean {
  const bitmap: Accessor<Gva> = kernel.struct("files_struct").pointer("fdt->close_on_exec");
  return (files, fd) => ((kernel.memory.u8(bitmap(files), fd >>> 3) >>> (fd & 7)) & 1) === 1;
}

function octal(bits: number): string {
  return `0${(bits >>> 0).toString(8)}`;
}
