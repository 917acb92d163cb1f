import { readFileSync } from "node:fs";

/** `nobody` and `nogroup`: the kernel's overflow ids (/proc/sys/kernel/overflowuid), the same everywhere. */
const nobody = 65_534;

/**
 * Gives up being root for good: user and group `nobody`, no other groups, no capability.
 *
 * Everything still to be imported must have been: the sources may lie where nobody cannot read.
 * Without root there is nothing to give up. Throws if a capability remains.
 */
export function dropPrivileges(): void {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(nobody);
  process.setuid?.(nobody);
  const status = readFileSync("/proc/thread-self/status", "utf8");
  for (const set of ["CapEff", "CapPrm", "CapInh", "CapAmb"]) {
    if (!new RegExp(`^${set}:\\s*0+$`, "m").test(status)) {
      throw new Error(`Capabilities remain in ${set} after setuid.`);
    }
  }
}
