import type { Gva } from "@casemate/core";

/** A way to make the kernel run something else than what it was built to run. */
export type HookKind =
  | "ftrace"
  | "kprobe"
  | "kretprobe"
  | "netfilter"
  | "lsm"
  | "notifier"
  | "tracepoint"
  | "syscall";

/** A place in the kernel from which somebody made it call a function. */
export interface Hook {
  readonly kind: HookKind;
  /** The place, by the kernel's names: `do_sys_openat2`, `ip input`, `file_open`, `reboot_notifier_list`. */
  readonly where: string;
  /** The function that is called there. */
  readonly target: Gva;
  /** Address of the struct that says so. */
  readonly structure: Gva;
  /** The order among those at one place, where there is one. */
  readonly priority?: number;
  /** Inode of the network namespace. */
  readonly netNamespace?: number;
  /** The name of who put it there, where hooks of its kind have one: an LSM, a trace event. HOSTILE. */
  readonly owner?: string;
  readonly flags?: readonly string[];
}
