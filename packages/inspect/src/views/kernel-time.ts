import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** The guest's clocks as of its last timer tick, in nanoseconds. */
export interface KernelTime {
  /** CLOCK_BOOTTIME: since boot, sleep included. */
  readonly boottime: bigint;
  /** CLOCK_REALTIME: since 1970. */
  readonly realtime: bigint;
}

/** What the guest's timekeeper says (kernel/time/timekeeping.c): its clocks are as old as its last tick. */
export function readKernelTime(kernel: KernelReader): KernelTime {
  const at = findTimekeeper(kernel);
  const timekeeper = kernel.struct("timekeeper");
  const base = timekeeper.bigint("tkr_mono.base")(at);
  const shift = timekeeper.bigint("tkr_mono.shift")(at) & 63n;
  const monotonic = base + (timekeeper.bigint("tkr_mono.xtime_nsec")(at) >> shift);
  return {
    boottime: monotonic + timekeeper.bigint("offs_boot")(at),
    realtime: monotonic + timekeeper.bigint("offs_real")(at),
  };
}

/** `tk_core.timekeeper`: in a struct without a tag up to 6.12, the first of `timekeeper_data` since 6.17. */
function findTimekeeper(kernel: KernelReader): Gva {
  const core = kernel.hasStruct("tk_data")
    ? kernel.struct("tk_data")
    : kernel.anonymousStruct("tk_core", "seq", "timekeeper");
  const symbol = kernel.symbol("tk_core", "timekeeper_data");
  return (core ?? kernel.struct("tk_core")).address("timekeeper")(symbol);
}
