import type { NonEmpty } from "@casemate/core";
import type { TechniqueId } from "./techniques.ts";

/** How bad it is if it is what it looks like, the least first. */
export const severities = ["low", "medium", "high", "critical"] as const;

export type Severity = (typeof severities)[number];

/** One thing that was seen in the guest, so that others can look at the same place. HOSTILE: all texts. */
export interface Evidence {
  /** What it is: `entry 62 (kill) of sys_call_table`. */
  readonly what: string;
  /** Its address in the kernel or in the process, `0xffffffff81a00000`. */
  readonly address?: string;
  readonly expected?: string;
  readonly seen?: string;
  /** Bytes at the address, hexadecimal. */
  readonly expectedBytes?: string;
  readonly seenBytes?: string;
  /** Where the bytes are code: what they do, a line an instruction. */
  readonly disassembly?: readonly string[];
  /** How it was reached through the kernel: `["init_task", "tasks", "task_struct 0xffff…"]`. */
  readonly path?: readonly string[];
}

/** A fact that a sound guest does not have. */
export interface Suspicion {
  /**
   * The same for as long as the fact is: `process 731 started at 1084.55`. With the detector's id it says
   * whether a later sweep sees the same thing.
   */
  readonly key: string;
  /** A sentence for people. HOSTILE: names in it. */
  readonly title: string;
  readonly severity: Severity;
  /** Why it is that bad. */
  readonly because: string;
  readonly techniques: NonEmpty<TechniqueId>;
  readonly evidence: NonEmpty<Evidence>;
  /** What to do about it. */
  readonly remediation: string;
}
