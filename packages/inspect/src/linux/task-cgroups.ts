import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { kernfsPath } from "./kernfs-path.ts";

/** Where a task is in one hierarchy of control groups: a line of /proc/PID/cgroup (cgroups(7)). */
export interface CgroupMembership {
  /** 0 is the unified one (version 2). */
  readonly hierarchy: number;
  /** Controllers of a hierarchy of version 1, `name=…` of a named one; none of the unified one. */
  readonly controllers: readonly string[];
  /** From the root of the hierarchy; ` (deleted)` where the group is gone. HOSTILE. */
  readonly path: string;
}

interface Hierarchy {
  readonly root: Gva;
  readonly hierarchy: number;
  readonly controllers: readonly string[];
}

const MAX_SUBSYSTEMS = 32;

/**
 * Reads a task's control groups, as the initial cgroup namespace shows them: `proc_cgroup_show`. Make one
 * for each look: tasks share them, and it remembers them.
 */
export function taskCgroups(kernel: KernelReader): Accessor<readonly CgroupMembership[]> {
  const task = kernel.struct("task_struct");
  if (!task.has("cgroups")) return () => [];
  const cssSet = task.pointer("cgroups");
  const readSet = cssSetReader(kernel);
  const known = new Map<Gva, readonly CgroupMembership[]>();
  return (at) => {
    const set = cssSet(at);
    if (set === 0n) return [];
    let memberships = known.get(set);
    if (memberships === undefined) {
      memberships = readSet(set);
      known.set(set, memberships);
    }
    return memberships;
  };
}

function cssSetReader(kernel: KernelReader): Accessor<readonly CgroupMembership[]> {
  const hierarchies = readHierarchies(kernel);
  const unified = kernel.symbol("cgrp_dfl_root");
  const initial = kernel.symbol("init_css_set");
  const topGroup = kernel.struct("cgroup_root").address("cgrp");
  const set = kernel.struct("css_set");
  const unifiedGroup = set.pointer("dfl_cgrp");
  const linksHead = set.address("cgrp_links");
  const link = kernel.struct("cgrp_cset_link");
  const groupOfLink = link.pointer("cgrp");
  const rootOf = kernel.struct("cgroup").pointer("root");
  const path = cgroupPath(kernel);

  const groupIn = (at: Gva, root: Gva): Gva | undefined => {
    if (root === unified) return unifiedGroup(at);
    // The links of the initial set lead elsewhere: `cset_cgroup_from_root`.
    if (at === initial) return topGroup(root);
    for (const each of link.list(linksHead(at), "cgrp_link")) {
      const group = groupOfLink(each);
      if (rootOf(group) === root) return group;
    }
    return undefined;
  };
  return (at) =>
    hierarchies.flatMap(({ root, hierarchy, controllers }) => {
      const group = groupIn(at, root);
      if (group === undefined) return [];
      return { hierarchy, controllers, path: path(group, root === unified) };
    });
}

/** All mounted hierarchies in the order of /proc/PID/cgroup: `for_each_root`. */
function readHierarchies(kernel: KernelReader): readonly Hierarchy[] {
  const type = kernel.struct("cgroup_root");
  const id = type.number("hierarchy_id");
  const mask = type.number("subsys_mask");
  const name = type.string("name");
  const unified = kernel.symbol("cgrp_dfl_root");
  const visible = kernel.memory.u8(kernel.symbol("cgrp_dfl_visible")) !== 0;
  let subsystems: readonly string[] | undefined;
  const hierarchies: Hierarchy[] = [];
  for (const root of type.list(kernel.symbol("cgroup_roots"), "root_list")) {
    if (root === unified) {
      if (visible) hierarchies.push({ root, hierarchy: id(root), controllers: [] });
      continue;
    }
    const bits = mask(root);
    // Version 2 alone has none of them.
    subsystems ??= readSubsystems(kernel);
    const controllers = subsystems.filter((_, i) => ((bits >>> i) & 1) !== 0);
    const own = name(root);
    if (own !== "") controllers.push(`name=${own}`);
    hierarchies.push({ root, hierarchy: id(root), controllers });
  }
  return hierarchies;
}

/** Names of the controllers in version 1, by their numbers. */
function readSubsystems(kernel: KernelReader): string[] {
  const legacyName = kernel.struct("cgroup_subsys").string("legacy_name");
  const table = kernel.symbol("cgroup_subsys");
  const count = Math.min(kernel.constant("CGROUP_SUBSYS_COUNT") ?? 0, MAX_SUBSYSTEMS);
  return Array.from({ length: count }, (_, i) => {
    const at = kernel.memory.pointer(table, i * 8);
    return at === 0n ? "" : legacyName(at);
  });
}

/** `cgroup_path`, with what /proc adds. */
function cgroupPath(kernel: KernelReader): (group: Gva, unified: boolean) => string {
  const group = kernel.struct("cgroup");
  const kernfsNode = group.pointer("kn");
  const flags = group.number("self.flags");
  const online = kernel.constant("CSS_ONLINE") ?? 2;
  const path = kernfsPath(kernel);
  return (at, unified) => {
    const text = path(kernfsNode(at));
    // Of hierarchies of version 1 /proc never says that a group is gone.
    const isGone = unified && (flags(at) & online) === 0;
    return `${text}${isGone ? " (deleted)" : ""}`;
  };
}
