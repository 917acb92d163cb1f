import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { anonVmaName } from "../linux/anon-vma-name.ts";
import { pathWriter } from "../linux/d-path.ts";
import { fileUserPath } from "../linux/file-user-path.ts";
import { findInit } from "../linux/find-init.ts";
import { findTask } from "../linux/find-task.ts";
import { getFsRoot } from "../linux/get-fs-root.ts";
import { getGateVma } from "../linux/get-gate-vma.ts";
import { isInternalMount } from "../linux/is-internal-mount.ts";
import { VmFlags } from "../linux/vm-flags.ts";
import { vmaName } from "../linux/vma-name.ts";
import { walkVmas } from "../linux/walk-vmas.ts";
import { defineView } from "./define-view.ts";
import { deviceNumber } from "./device-number.ts";
import { optionalPidArgument } from "./pid-argument.ts";
import { walkProcesses } from "./processes.ts";

export interface MapRow {
  readonly pid: number;
  readonly start: string;
  /** The first address after it. */
  readonly end: string;
  /** As /proc/PID/maps writes them: `r-xp`. */
  readonly permissions: string;
  /** Where in the file it begins. */
  readonly offset: string;
  /** Of the file's device, in decimal: `254:0`. */
  readonly device: string;
  readonly inode: string;
  /** The file, or `[heap]`, `[stack]`, `[vdso]`, `[anon:NAME]`; "" for most without a file. HOSTILE. */
  readonly path: string;
  /** Code that no file on a mounted file system is behind: of a JIT compiler, or injected. */
  readonly anonymousExecutable: boolean;
  /** Address of its `vm_area_struct`. */
  readonly vma: string;
}

const PAGE_SHIFT = 12n;

/** The virtual memory areas of one process or of all: what /proc/PID/maps shows. */
export const maps = defineView({
  id: "maps",
  kind: "MapList",
  title: "Virtual memory areas of processes",
  needs: ["kernelMetadata"],
  argument: optionalPidArgument,
  read({ kernel }, _budget, pid): readonly MapRow[] {
    const task = kernel.struct("task_struct");
    const mm = task.pointer("mm");
    const pidOf = task.number("pid");
    const gateVma = getGateVma(kernel);
    const readRow = mapRow(kernel);
    const rows: MapRow[] = [];
    const tasks = pid === undefined ? walkProcesses(kernel) : [findTask(kernel, pid)];
    kernel.each("task_struct", tasks, (at) => {
      const space = mm(at);
      if (space === 0n) return; // a kernel thread, or a process that has ended
      const owner = pidOf(at);
      kernel.each("vm_area_struct", walkVmas(kernel, space), (vma) => {
        rows.push(readRow(owner, vma));
      });
      const gate = gateVma(space);
      if (gate !== undefined) rows.push(readRow(owner, gate));
    });
    return rows;
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "start", title: "START", align: "right" },
    { key: "end", title: "END", align: "right" },
    { key: "permissions", title: "PERM" },
    { key: "offset", title: "OFFSET", align: "right" },
    { key: "device", title: "DEVICE" },
    { key: "inode", title: "INODE", align: "right" },
    {
      key: "anonymousExecutable",
      title: "ANON-EXEC",
      text: ({ anonymousExecutable }) => (anonymousExecutable ? "yes" : ""),
    },
    { key: "path", title: "PATH" },
  ],
});

function mapRow(kernel: KernelReader): (pid: number, vma: Gva) => MapRow {
  const vma = kernel.struct("vm_area_struct");
  const start = vma.bigint("vm_start");
  const end = vma.bigint("vm_end");
  const flagsOf = vma.number("vm_flags");
  const pageOffset = vma.bigint("vm_pgoff");
  const file = vma.pointer("vm_file");
  const userPath = fileUserPath(kernel);
  const inodeNumber = kernel.struct("inode").bigint("i_ino");
  const device = kernel.struct("inode").number("i_sb->s_dev");
  const name = vmaName(kernel);
  const anonName = anonVmaName(kernel);
  const isInternal = isInternalMount(kernel);
  const paths = pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));

  return (pid, at) => {
    const flags = flagsOf(at);
    const row = {
      pid,
      start: hex(start(at)),
      end: hex(end(at)),
      permissions: permissions(flags),
      vma: hex(at),
    };
    const isExecutable = (flags & VmFlags.exec) !== 0;
    const opened = file(at);
    if (opened === 0n) {
      const path = name(at);
      // The kernel's own mappings have names that no process can give.
      const isAnonymous = path === "" || path === "[heap]" || path === "[stack]";
      const anonymousExecutable = isExecutable && (isAnonymous || path.startsWith("[anon:"));
      return { ...row, offset: "0x0", device: "0:0", inode: "0", path, anonymousExecutable };
    }
    const user = userPath(opened);
    const shmemName = anonName(at);
    return {
      ...row,
      offset: hex(pageOffset(at) << PAGE_SHIFT),
      device: deviceNumber(device(user.inode)),
      inode: String(inodeNumber(user.inode)),
      path: shmemName === "" ? paths.dPath(user) : `[anon_shmem:${shmemName}]`,
      anonymousExecutable: isExecutable && isInternal(user.mnt),
    };
  };
}

function permissions(flags: number): string {
  const may = (flag: number, letter: string) => ((flags & flag) === 0 ? "-" : letter);
  const shared = (flags & VmFlags.mayshare) === 0 ? "p" : "s";
  return may(VmFlags.read, "r") + may(VmFlags.write, "w") + may(VmFlags.exec, "x") + shared;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
