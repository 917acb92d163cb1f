import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { type CapabilitySet, capabilitySets, LAST_CAPABILITY } from "./capabilities.ts";

/** The five sets of capabilities: capabilities(7). */
export interface Capabilities {
  readonly effective: CapabilitySet;
  readonly permitted: CapabilitySet;
  readonly inheritable: CapabilitySet;
  readonly bounding: CapabilitySet;
  readonly ambient: CapabilitySet;
}

/** A task's credentials; users and groups as the initial user namespace counts. */
export interface Credentials {
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly fsuid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly fsgid: number;
  /** Supplementary groups, in ascending order. */
  readonly groups: readonly number[];
  readonly capabilities: Capabilities;
}

/** `NGROUPS_MAX` (include/uapi/linux/limits.h). */
const MAX_GROUPS = 65_536;

/**
 * Reads a task's objective credentials, as /proc shows them (`__task_cred`). Make one for each look: tasks
 * share their credentials, and it remembers them.
 */
export function taskCred(kernel: KernelReader): Accessor<Credentials> {
  const pointer = kernel.struct("task_struct").pointer("real_cred");
  const read = credReader(kernel);
  const known = new Map<Gva, Credentials>();
  return (task) => {
    const at = pointer(task);
    let cred = known.get(at);
    if (cred === undefined) {
      cred = read(at);
      known.set(at, cred);
    }
    return cred;
  };
}

function credReader(kernel: KernelReader): Accessor<Credentials> {
  const cred = kernel.struct("cred");
  const uid = cred.number("uid");
  const euid = cred.number("euid");
  const suid = cred.number("suid");
  const fsuid = cred.number("fsuid");
  const gid = cred.number("gid");
  const egid = cred.number("egid");
  const sgid = cred.number("sgid");
  const fsgid = cred.number("fsgid");
  const groups = groupsOf(kernel);
  const sets = capabilitySets(lastCapability(kernel));
  const effective = set("cap_effective");
  const permitted = set("cap_permitted");
  const inheritable = set("cap_inheritable");
  const bounding = set("cap_bset");
  const ambient = set("cap_ambient");
  return (at) => ({
    uid: uid(at),
    euid: euid(at),
    suid: suid(at),
    fsuid: fsuid(at),
    gid: gid(at),
    egid: egid(at),
    sgid: sgid(at),
    fsgid: fsgid(at),
    groups: groups(at),
    capabilities: {
      effective: effective(at),
      permitted: permitted(at),
      inheritable: inheritable(at),
      bounding: bounding(at),
      ambient: ambient(at),
    },
  });

  /** `kernel_cap_t`: one word of 64 bits since 6.3, two of 32 in the same order before. */
  function set(member: string): Accessor<CapabilitySet> {
    const offset = cred.offset(member);
    return (at) => sets(kernel.memory.u64(at, offset));
  }
}

/** HOSTILE: a set has 64 bits, whatever the guest says. */
function lastCapability(kernel: KernelReader): number {
  if (!kernel.hasSymbol("cap_last_cap")) return LAST_CAPABILITY;
  return Math.min(kernel.memory.u32(kernel.symbol("cap_last_cap")), 63);
}

function groupsOf(kernel: KernelReader): Accessor<readonly number[]> {
  const pointer = kernel.struct("cred").pointer("group_info");
  const info = kernel.struct("group_info");
  const count = info.number("ngroups");
  const first = info.offset("gid");
  return (cred) => {
    const at = pointer(cred);
    if (at === 0n) return [];
    // HOSTILE: the guest says how many there are.
    const length = Math.min(Math.max(count(at), 0), MAX_GROUPS);
    kernel.budget.step(length);
    return Array.from({ length }, (_, i) => kernel.memory.u32(at, first + i * 4));
  };
}
