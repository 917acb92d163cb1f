import { walkPrintkRecords } from "../linux/printk-ringbuffer.ts";
import { defineView } from "./define-view.ts";

export interface LogRow {
  readonly sequence: number;
  /** Nanoseconds on the kernel's own clock, which starts at boot and stops in sleep. */
  readonly timestampNs: number;
  /** `err`, `info`, …: as `dmesg -x` has them. */
  readonly level: string;
  /** Who it comes from: `kern`, or what a process wrote into /dev/kmsg said it was. */
  readonly facility: string;
  /** What printed it: thread `T1`, or processor `C0` outside of any. */
  readonly caller: string;
  /** The name that thread had, on kernels that keep it. HOSTILE: processes name themselves. */
  readonly process: string | null;
  /** Whether it goes on with the record before it. */
  readonly continuation: boolean;
  /** The device it is about: `pci` and `+pci:0000:00:01.0`, as /dev/kmsg has them. */
  readonly subsystem: string | null;
  readonly device: string | null;
  /** May have several lines. HOSTILE. */
  readonly text: string;
}

/** include/linux/kern_levels.h, by the names of dmesg(1). */
const LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"] as const;

/** include/sys/syslog.h (syslog(3)), by the names of dmesg(1). */
const FACILITIES: Readonly<Record<number, string>> = {
  0: "kern",
  1: "user",
  2: "mail",
  3: "daemon",
  4: "auth",
  5: "syslog",
  6: "lpr",
  7: "news",
  8: "uucp",
  9: "cron",
  10: "authpriv",
  11: "ftp",
  16: "local0",
  17: "local1",
  18: "local2",
  19: "local3",
  20: "local4",
  21: "local5",
  22: "local6",
  23: "local7",
};

/** `LOG_CONT` of `enum printk_info_flags` (include/linux/printk.h, kernel/printk/internal.h). */
const LOG_CONT = 8;
/** In `caller_id`: a processor, not a thread (kernel/printk/printk.c, `printk_caller_id`). */
const ON_PROCESSOR = 0x8000_0000;

/** The kernel's log: what `dmesg` shows. */
export const log = defineView({
  id: "log",
  kind: "LogRecordList",
  title: "Kernel log",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly LogRow[] {
    const info = kernel.struct("printk_info");
    const sequence = info.number("seq");
    const timestamp = info.number("ts_nsec");
    const level = info.number("level");
    const facility = info.number("facility");
    const flags = info.number("flags");
    const caller = info.number("caller_id");
    const process = info.has("comm") ? info.string("comm") : () => "";
    const subsystem = info.string("dev_info.subsystem");
    const device = info.string("dev_info.device");

    const rows: LogRow[] = [];
    for (const { info: at, text } of kernel.attemptWalk(walkPrintkRecords(kernel), "log")) {
      const from = facility(at);
      rows.push({
        sequence: sequence(at),
        timestampNs: timestamp(at),
        level: LEVELS[level(at)] ?? "",
        facility: FACILITIES[from] ?? String(from),
        caller: callerText(caller(at)),
        process: process(at) || null,
        continuation: (flags(at) & LOG_CONT) !== 0,
        subsystem: subsystem(at) || null,
        device: device(at) || null,
        text,
      });
    }
    return rows;
  },
  columns: [
    { key: "timestampNs", title: "TIME", align: "right", text: timeText },
    { key: "facility", title: "FACILITY" },
    { key: "level", title: "LEVEL" },
    { key: "caller", title: "CALLER", align: "right" },
    { key: "text", title: "TEXT" },
  ],
});

function callerText(id: number): string {
  const number = id % ON_PROCESSOR;
  return id >= ON_PROCESSOR ? `C${number}` : `T${number}`;
}

/** Seconds with six digits, as `dmesg` shows them. */
function timeText({ timestampNs }: LogRow): string {
  const microseconds = Math.floor(timestampNs / 1000);
  const seconds = Math.floor(microseconds / 1_000_000);
  return `${seconds}.${String(microseconds % 1_000_000).padStart(6, "0")}`;
}
