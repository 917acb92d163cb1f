import type { BtfBuilder, Member } from "./btf-builder.ts";

interface BasicTypes {
  readonly char: number;
  readonly int: number;
  readonly unsigned: number;
  readonly u64: number;
  readonly kuid: number;
  /** A pointer to `list_head`, for what is never followed. */
  readonly pointer: number;
}

/** What the types of a task look like beyond what tests write; all of it is zero, as of a task that is ending. */
export interface TaskTypes {
  readonly cred: readonly Member[];
  readonly signal: readonly Member[];
  readonly task: readonly Member[];
}

/** Adds the structs that hang on a `task_struct`: pid.h, cred.h, mm_types.h, tty.h. */
export function addTaskTypes(
  btf: BtfBuilder,
  { char, int, unsigned, u64, kuid, pointer }: BasicTypes,
): TaskTypes {
  const upid = btf.struct("upid", [
    { name: "nr", type: int },
    { name: "ns", type: pointer },
  ]);
  const pid = btf.struct("pid", [
    { name: "level", type: unsigned },
    { name: "numbers", type: btf.array(upid, 1) },
  ]);
  const groups = btf.struct("group_info", [
    { name: "ngroups", type: int },
    { name: "gid", type: btf.array(kuid, 0) },
  ]);
  btf.struct("nsproxy", [{ name: "count", type: int }]);
  const driver = btf.struct("tty_driver", [{ name: "major", type: int }]);
  const tty = btf.struct("tty_struct", [
    { name: "name", type: btf.array(char, 64) },
    { name: "index", type: int },
    { name: "driver", type: btf.pointer(driver) },
  ]);
  const path = btf.struct("path", [
    { name: "mnt", type: pointer },
    { name: "dentry", type: pointer },
  ]);
  const file = btf.struct("file", [{ name: "f_path", type: path }]);
  const rss = btf.struct("mm_rss_stat", [{ name: "count", type: btf.array(u64, 4) }]);
  const mm = btf.struct("mm_struct", [
    { name: "total_vm", type: u64 },
    { name: "exe_file", type: btf.pointer(file) },
    { name: "rss_stat", type: rss },
  ]);
  const cputime = btf.struct("prev_cputime", [
    { name: "utime", type: u64 },
    { name: "stime", type: u64 },
  ]);
  const entity = btf.struct("sched_entity", [{ name: "sum_exec_runtime", type: u64 }]);
  const pidPointer = btf.pointer(pid);
  const ids = ["suid", "fsuid", "gid", "egid", "sgid", "fsgid"];
  const sets = ["cap_effective", "cap_permitted", "cap_inheritable", "cap_bset", "cap_ambient"];
  return {
    cred: [
      ...ids.map((name) => ({ name, type: kuid })),
      ...sets.map((name) => ({ name, type: u64 })),
      { name: "group_info", type: btf.pointer(groups) },
      { name: "user_ns", type: pointer },
    ],
    signal: [
      { name: "pids", type: btf.array(pidPointer, 4) },
      { name: "tty", type: btf.pointer(tty) },
      ...["utime", "stime", "sum_sched_runtime"].map((name) => ({ name, type: u64 })),
      { name: "prev_cputime", type: cputime },
    ],
    task: [
      { name: "thread_pid", type: pidPointer },
      { name: "nsproxy", type: pointer },
      { name: "mm", type: btf.pointer(mm) },
      { name: "static_prio", type: int },
      { name: "rt_priority", type: unsigned },
      ...["atomic_flags", "utime", "stime"].map((name) => ({ name, type: u64 })),
      { name: "se", type: entity },
    ],
  };
}
