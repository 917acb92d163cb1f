import { formatAddress } from "@casemate/core";
import { readActiveLsms } from "../linux/active-lsms.ts";
import { readLoadAverage } from "../linux/load-average.ts";
import { type LockdownLevel, readLockdownLevel } from "../linux/lockdown-level.ts";
import { taintFlags } from "../linux/taint-flags.ts";
import { defineView } from "./define-view.ts";
import { isoTime } from "./iso-time.ts";
import { readKernelTime } from "./kernel-time.ts";

export interface KernelRow {
  readonly release: string;
  readonly hostname: string;
  readonly banner: string;
  /** Hexadecimal; null where the kernel carries none. */
  readonly buildId: string | null;
  /** Whether the kernel's types are from its memory, from another guest that had its symbols, or from its disk. */
  readonly types: "own" | "cached" | "disk";
  readonly commandLine: string;
  /** Processors online. */
  readonly cpus: number;
  /** Since boot, as of the guest's last timer tick. */
  readonly uptimeSeconds: number;
  /** ISO 8601, by the guest's own clock. */
  readonly bootedAt: string;
  /** Threads of all processes, kernel threads among them; the idle ones are not counted. */
  readonly tasks: number;
  /** Over 1, 5 and 15 minutes. */
  readonly loadAverage: readonly [number, number, number];
  /** The number in /proc/sys/kernel/tainted; 0 of a kernel that nothing was done to. */
  readonly tainted: number;
  /** Its letters, as in a kernel's oops: `OE`. */
  readonly taints: string;
  /** Null where the kernel has no lockdown. */
  readonly lockdown: LockdownLevel | null;
  /** Active security modules, in the order they are asked. */
  readonly lsms: readonly string[];
  readonly pagingLevels: 4 | 5;
  readonly kaslrOffset: string;
  readonly textBase: string;
  readonly physicalBase: string;
  readonly directMapBase: string;
}

/** `linux_banner` allows 512 bytes and command lines 2048 (COMMAND_LINE_SIZE). */
const MAX_COMMAND_LINE = 4096;
const NANOSECONDS = 1_000_000_000;

/** The kernel itself: what `uname`, `uptime` and /proc/cmdline say, and where it is. */
export const kernel = defineView({
  id: "kernel",
  kind: "Kernel",
  title: "Kernel",
  needs: ["kernelMetadata"],
  read({ kernel: k }): readonly KernelRow[] {
    const { facts, memory } = k;
    const utsname = k.struct("uts_namespace");
    const uts = k.symbol("init_uts_ns");
    const commandLine = memory.pointer(k.symbol("saved_command_line"));
    const { boottime, realtime } = readKernelTime(k);
    const tainted = Number(memory.u64(k.symbol("tainted_mask")));
    return [
      {
        release: facts.release,
        hostname: utsname.string("name.nodename")(uts),
        banner: facts.banner,
        buildId: facts.buildId ?? null,
        types: facts.types,
        commandLine: memory.string(commandLine, MAX_COMMAND_LINE).trimEnd(),
        cpus: k.onlineCpus().length,
        uptimeSeconds: Number(boottime) / NANOSECONDS,
        bootedAt: isoTime(realtime - boottime),
        tasks: memory.u32(k.symbol("nr_threads")),
        loadAverage: readLoadAverage(k),
        tainted,
        taints: taintFlags(tainted),
        lockdown: readLockdownLevel(k),
        lsms: readActiveLsms(k),
        pagingLevels: facts.pagingLevels,
        kaslrOffset: `0x${facts.kaslrOffset.toString(16)}`,
        textBase: formatAddress(facts.textBase),
        physicalBase: formatAddress(facts.physicalBase),
        directMapBase: formatAddress(facts.directMapBase),
      },
    ];
  },
  columns: [
    { key: "release", title: "RELEASE" },
    { key: "hostname", title: "HOSTNAME" },
    { key: "buildId", title: "BUILD-ID", text: ({ buildId }) => buildId ?? "-" },
    { key: "cpus", title: "CPUS", align: "right" },
    { key: "uptimeSeconds", title: "UPTIME", align: "right", text: formatUptime },
    { key: "bootedAt", title: "BOOTED" },
    { key: "tasks", title: "TASKS", align: "right" },
    { key: "loadAverage", title: "LOAD", text: loadText },
    {
      key: "tainted",
      title: "TAINTED",
      text: ({ tainted, taints }) => (tainted === 0 ? "no" : `${taints} (${tainted})`),
    },
    { key: "lockdown", title: "LOCKDOWN", text: ({ lockdown }) => lockdown ?? "-" },
    { key: "lsms", title: "LSM", text: ({ lsms }) => lsms.join(",") || "-" },
    { key: "kaslrOffset", title: "KASLR" },
    { key: "pagingLevels", title: "PAGING", text: ({ pagingLevels }) => `${pagingLevels} levels` },
    { key: "physicalBase", title: "PHYSICAL BASE" },
    { key: "directMapBase", title: "DIRECT MAP" },
    { key: "commandLine", title: "COMMAND LINE" },
    { key: "banner", title: "BANNER" },
  ],
});

function loadText({ loadAverage }: KernelRow): string {
  return loadAverage.map((value) => value.toFixed(2)).join(" ");
}

function formatUptime({ uptimeSeconds }: KernelRow): string {
  const total = Math.floor(uptimeSeconds);
  const clock = [Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  const days = Math.floor(total / 86_400);
  return days > 0 ? `${days}d ${clock}` : clock;
}
