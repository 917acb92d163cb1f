import { createHash } from "node:crypto";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkModules } from "../linux/walk-modules.ts";
import { readKernelTime } from "../views/kernel-time.ts";

/** What shows at a glance that other code has come into a kernel: a sweep is due where it differs. */
export interface Glance {
  /** How many modules are on the kernel's list. */
  readonly modules: number;
  /** SHA-256 of their addresses and names, in hexadecimal. */
  readonly digest: string;
  /** `tainted_mask`, as /proc/sys/kernel/tainted has it. */
  readonly tainted: number;
  /** The number that the next BPF program has, which only grows; 0 of a kernel without BPF. */
  readonly nextProgram: number;
  /** Seconds since the guest booted, sleep included. */
  readonly uptime: number;
}

const NANOSECONDS = 1e9;

/** Takes a glance, in less than a millisecond for a hundred modules. */
export function glance(kernel: KernelReader): Glance {
  const digest = createHash("sha256");
  const name = kernel.hasSymbol("modules") ? kernel.struct("module").string("name") : undefined;
  let modules = 0;
  for (const at of walkModules(kernel)) {
    digest.update(`${at.toString(16)} ${name?.(at)}\0`);
    modules += 1;
  }
  const programs = kernel.hasSymbol("prog_idr") ? kernel.symbol("prog_idr") : undefined;
  return {
    modules,
    digest: digest.digest("hex"),
    tainted: Number(kernel.memory.u64(kernel.symbol("tainted_mask"))),
    uptime: Number(readKernelTime(kernel).boottime) / NANOSECONDS,
    nextProgram: programs === undefined ? 0 : kernel.struct("idr").number("idr_next")(programs),
  };
}
