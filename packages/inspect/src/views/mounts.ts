import { CasemateError, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { nsDname } from "../linux/d-dname.ts";
import { type PathWriter, pathWriter } from "../linux/d-path.ts";
import { findInit } from "../linux/find-init.ts";
import { findTask } from "../linux/find-task.ts";
import { getFsRoot } from "../linux/get-fs-root.ts";
import { mountOptions, superOptions } from "../linux/mount-options.ts";
import { walkMounts } from "../linux/walk-mounts.ts";
import { defineView, type ViewArgument } from "./define-view.ts";
import { deviceNumber } from "./device-number.ts";
import { pidArgument } from "./pid-argument.ts";

export interface MountRow {
  readonly id: number;
  readonly parent: number;
  /** Of the file system: `254:0`. */
  readonly device: string;
  /** Which directory of the file system is mounted. HOSTILE. */
  readonly root: string;
  /** Where, seen from the process's root. HOSTILE. */
  readonly mountpoint: string;
  /** `ext4`, `fuse.sshfs`. */
  readonly type: string;
  /** The device or whatever mount(8) was told. HOSTILE. */
  readonly source: string;
  /** `rw,nosuid,relatime`. */
  readonly options: string;
  /** Of the file system, as far as all have them: `ro`, `rw,sync`. */
  readonly superOptions: string;
  /** `shared:1`, `master:1`, `unbindable`; "" of a private mount. */
  readonly propagation: string;
}

const processOfNamespace: ViewArgument<number | undefined> = {
  ...pidArgument,
  description: "a process whose mount namespace is meant; the first process's if left out",
  required: false,
};

/** The mounts that a process sees: what /proc/PID/mountinfo shows, but for what file systems add themselves. */
export const mounts = defineView({
  id: "mounts",
  kind: "MountList",
  title: "Mounted file systems",
  needs: ["kernelMetadata"],
  argument: processOfNamespace,
  read({ kernel }, _budget, pid): readonly MountRow[] {
    const task = pid === undefined ? findInit(kernel) : findTask(kernel, pid);
    const paths = pathWriter(kernel, getFsRoot(kernel, task));
    const mount = kernel.struct("mount");
    const vfsmount = mount.address("mnt");
    const id = mount.number("mnt_id");
    const parent = mount.number("mnt_parent->mnt_id");
    const root = mount.pointer("mnt.mnt_root");
    const superBlock = mount.pointer("mnt.mnt_sb");
    const source = mount.string("mnt_devname");
    const type = fileSystemType(kernel);
    const device = kernel.struct("super_block").number("s_dev");
    const showRoot = rootPath(kernel, paths);
    const showOptions = mountOptions(kernel);
    const showSuperOptions = superOptions(kernel);
    const showPropagation = propagation(kernel);

    const rows: MountRow[] = [];
    kernel.each("mount", walkMounts(kernel, mountNamespace(kernel, task)), (at) => {
      const dentry = root(at);
      const mountpoint = paths.pathBelowRoot({ mnt: vfsmount(at), dentry });
      if (mountpoint === undefined) return; // out of this process's sight
      const sb = superBlock(at);
      rows.push({
        id: id(at),
        parent: parent(at),
        device: deviceNumber(device(sb)),
        root: showRoot(sb, dentry),
        mountpoint,
        type: type(sb),
        source: source(at) || "none",
        options: showOptions(at),
        superOptions: showSuperOptions(sb),
        propagation: showPropagation(at),
      });
    });
    return rows;
  },
  columns: [
    { key: "id", title: "ID", align: "right" },
    { key: "parent", title: "PARENT", align: "right" },
    { key: "device", title: "DEVICE" },
    { key: "type", title: "TYPE" },
    { key: "source", title: "SOURCE" },
    { key: "root", title: "ROOT" },
    { key: "mountpoint", title: "MOUNTPOINT" },
    { key: "options", title: "OPTIONS" },
    { key: "superOptions", title: "FILE SYSTEM" },
    { key: "propagation", title: "PROPAGATION" },
  ],
});

function mountNamespace(kernel: KernelReader, task: Gva): Gva {
  const type = kernel.struct("task_struct");
  if (type.pointer("nsproxy")(task) !== 0n) return type.pointer("nsproxy->mnt_ns")(task);
  throw new CasemateError(
    "inspect/not-found",
    `Cannot find the mounts of process ${type.number("pid")(task)}: it has ended, expected one that runs.`,
  );
}

/** `show_type`. */
function fileSystemType(kernel: KernelReader): Accessor<string> {
  const superBlock = kernel.struct("super_block");
  const name = superBlock.string("s_type->name");
  const subtype = superBlock.string("s_subtype");
  return (at) => {
    const kind = subtype(at);
    return kind === "" ? name(at) : `${name(at)}.${kind}`;
  };
}

/** `show_path`; of namespaces that are mounted, their name. */
function rootPath(kernel: KernelReader, paths: PathWriter): (sb: Gva, dentry: Gva) => string {
  const showPath = kernel.struct("super_block").pointer("s_op->show_path");
  const ofNamespaces = kernel.hasSymbol("nsfs_show_path") ? kernel.symbol("nsfs_show_path") : 0n;
  const namespaceName = nsDname(kernel);
  return (sb, dentry) => {
    const own = showPath(sb);
    return own !== 0n && own === ofNamespaces ? namespaceName(dentry) : paths.dentryPath(dentry);
  };
}

// include/linux/mount.h; up to 6.16 the bits are among the mount's other flags.
const MNT_SHARED = 0x1000;
const MNT_UNBINDABLE = 0x2000;
// fs/mount.h, from 6.17 on.
const T_SHARED = 1;
const T_UNBINDABLE = 2;

/** The optional fields of /proc/PID/mountinfo: proc_pid_mountinfo(5). */
function propagation(kernel: KernelReader): Accessor<string> {
  const mount = kernel.struct("mount");
  const hasOwn = mount.has("mnt_t_flags");
  const flags = hasOwn ? mount.number("mnt_t_flags") : mount.number("mnt.mnt_flags");
  const [shared, unbindable] = hasOwn ? [T_SHARED, T_UNBINDABLE] : [MNT_SHARED, MNT_UNBINDABLE];
  const group = mount.number("mnt_group_id");
  const master = mount.pointer("mnt_master");
  return (at) => {
    const bits = flags(at);
    const fields: string[] = [];
    if ((bits & shared) !== 0) fields.push(`shared:${group(at)}`);
    const above = master(at);
    if (above !== 0n) fields.push(`master:${group(above)}`);
    if ((bits & unbindable) !== 0) fields.push("unbindable");
    return fields.join(" ");
  };
}
