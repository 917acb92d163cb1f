import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** Inode numbers of a task's namespaces, as in /proc/PID/ns; null where it has none (any more). */
export interface Namespaces {
  readonly cgroup: number | null;
  readonly ipc: number | null;
  readonly mnt: number | null;
  readonly net: number | null;
  readonly pid: number | null;
  readonly time: number | null;
  readonly user: number | null;
  readonly uts: number | null;
}

type InProxy = Omit<Namespaces, "pid" | "user">;

const NONE: InProxy = { cgroup: null, ipc: null, mnt: null, net: null, time: null, uts: null };

/** Reads a task's namespaces. Make one for each look: tasks share them, and it remembers them. */
export function taskNamespaces(kernel: KernelReader): Accessor<Namespaces> {
  const task = kernel.struct("task_struct");
  const proxy = task.pointer("nsproxy");
  const user = inodeOf(kernel, task.pointer("real_cred->user_ns"), "user_namespace");
  const pid = pidNamespace(kernel);
  const readProxy = proxyReader(kernel);
  const known = new Map<Gva, Namespaces[]>();
  return (at) => {
    const shared = proxy(at);
    const own = { pid: pid(at), user: user(at) };
    const ofProxy = known.get(shared);
    const same = ofProxy?.find((each) => each.pid === own.pid && each.user === own.user);
    if (same !== undefined) return same;
    const namespaces = { ...(shared === 0n ? NONE : readProxy(shared)), ...own };
    if (ofProxy === undefined) known.set(shared, [namespaces]);
    else ofProxy.push(namespaces);
    return namespaces;
  };
}

function proxyReader(kernel: KernelReader): Accessor<InProxy> {
  const nsproxy = kernel.struct("nsproxy");
  const member = (name: string, type: string): Accessor<number | null> =>
    nsproxy.has(name) ? inodeOf(kernel, nsproxy.pointer(name), type) : () => null;
  const cgroup = member("cgroup_ns", "cgroup_namespace");
  const ipc = member("ipc_ns", "ipc_namespace");
  const mnt = member("mnt_ns", "mnt_namespace");
  const net = member("net_ns", "net");
  const time = member("time_ns", "time_namespace");
  const uts = member("uts_ns", "uts_namespace");
  return (at) => ({
    cgroup: cgroup(at),
    ipc: ipc(at),
    mnt: mnt(at),
    net: net(at),
    time: time(at),
    uts: uts(at),
  });
}

/** `task_active_pid_ns`: the one that its innermost number counts in. */
function pidNamespace(kernel: KernelReader): Accessor<number | null> {
  const thread = kernel.struct("task_struct").pointer("thread_pid");
  const pid = kernel.struct("pid");
  const level = pid.number("level");
  const numbers = pid.address("numbers");
  const upid = kernel.struct("upid");
  const innermost = inodeOf(kernel, upid.pointer("ns"), "pid_namespace");
  return (task) => {
    const at = thread(task);
    return at === 0n ? null : innermost(upid.element(numbers(at), level(at)));
  };
}

/** The inode number of the namespace behind a pointer; a kernel built without that kind has no such type. */
function inodeOf(
  kernel: KernelReader,
  pointer: Accessor<Gva>,
  type: string,
): Accessor<number | null> {
  if (!kernel.hasStruct(type) || !kernel.struct(type).has("ns.inum")) return () => null;
  const inum = kernel.struct(type).number("ns.inum");
  return (at) => {
    const namespace = pointer(at);
    return namespace === 0n ? null : inum(namespace);
  };
}
