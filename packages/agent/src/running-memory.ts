import { CasemateError, type Milliseconds, toCasemateError } from "@casemate/core";
import type {
  FileMapping,
  ListeningSocket,
  MemoryGap,
  MemoryRows,
  RunningMemory,
} from "@casemate/scan";
import type { HostAgent } from "./host-agent.ts";
import type { LookRequest } from "./inspectable-view.ts";
import type { ViewItem, ViewTable } from "./view-table.ts";

export interface RunningMemoryOptions {
  /** Of each of its five looks. */
  readonly budget: Milliseconds;
  /** Has the VM stand still for each look; a busy guest may hold still for none otherwise. */
  readonly pause?: LookRequest["pause"];
}

/** The views that it is read out of. */
export const runningViews = ["kernel", "processes", "maps", "sockets", "mounts"] as const;

/**
 * What runs in the VM with `uuid`, to be held against its disks (`runningSections`). What cannot be looked at
 * is a gap. Throws `vm/*` where there is nothing to look into, and why `signal` was aborted.
 */
export async function readRunningMemory(
  host: Pick<HostAgent, "inspect">,
  uuid: string,
  { budget, pause }: RunningMemoryOptions,
  signal?: AbortSignal,
): Promise<RunningMemory> {
  const look = async <Row>(
    view: (typeof runningViews)[number],
    parse: (items: readonly ViewItem[]) => MemoryRows<Row>,
  ): Promise<MemoryRows<Row>> => {
    try {
      const table = await host.inspect(uuid, { view, budget, pause }, signal);
      const { rows, gaps } = parse(table.items);
      return { rows, gaps: [...gapsOf(table), ...gaps] };
    } catch (thrown) {
      signal?.throwIfAborted();
      const { code, message } = toCasemateError(thrown);
      if (code.startsWith("vm/")) throw thrown;
      return { rows: [], gaps: [{ code, reason: message }] };
    }
  };
  return {
    kernel: await look("kernel", (items) => whole(items.map(parseKernel))),
    processes: await look("processes", (items) => whole(items.map(parseProcess))),
    mappings: await look("maps", foldMappings),
    listening: await look("sockets", (items) => whole(items.flatMap(parseListening))),
    mounts: await look("mounts", (items) => whole(items.map(parseMount))),
  };
}

function whole<Row>(rows: readonly Row[]): MemoryRows<Row> {
  return { rows, gaps: [] };
}

function gapsOf({ view, consistency, damaged }: ViewTable): readonly MemoryGap[] {
  const gaps = damaged.map(({ reason }): MemoryGap => ({ code: "kernel/damaged", reason }));
  if (consistency !== "torn") return gaps;
  const reason = `Cannot read ${view.id} of one moment: they changed at every attempt, expected them to hold still for one.`;
  return [...gaps, { code: "inspect/torn", reason }];
}

function parseKernel(item: ViewItem): RunningMemory["kernel"]["rows"][number] {
  const { buildId } = item;
  return {
    release: textOf(item, "release"),
    banner: textOf(item, "banner"),
    buildId: typeof buildId === "string" ? buildId : null,
  };
}

function parseProcess(item: ViewItem): RunningMemory["processes"]["rows"][number] {
  const { namespaces } = item;
  const mnt = isItem(namespaces) ? namespaces["mnt"] : undefined;
  return {
    pid: numberOf(item, "pid"),
    name: textOf(item, "name"),
    mountNamespace: typeof mnt === "number" ? mnt : null,
  };
}

function parseMount(item: ViewItem): RunningMemory["mounts"]["rows"][number] {
  return { mountpoint: textOf(item, "mountpoint"), device: textOf(item, "device") };
}

const DELETED = " (deleted)";
/** How a path begins that was too long to be read. */
const CUT = "/…";

/** The files that are mapped, each with all of its processes: memory areas without a file are left out. */
function foldMappings(items: readonly ViewItem[]): MemoryRows<FileMapping> {
  const found = new Map<string, ViewItem[]>();
  const gaps: MemoryGap[] = [];
  for (const item of items) {
    const path = textOf(item, "path");
    if (!path.startsWith("/") || item["inode"] === "0") continue;
    if (path.startsWith(CUT)) {
      const reason = `Cannot read the path of a file that process ${numberOf(item, "pid")} maps: it is too long.`;
      gaps.push({ code: "kernel/damaged", reason });
    }
    const key = `${textOf(item, "device")} ${textOf(item, "inode")} ${path}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, [item]);
    else known.push(item);
  }
  return { rows: [...found.values()].map(foldAreas), gaps };
}

/** @param areas of one file */
function foldAreas(areas: readonly ViewItem[]): FileMapping {
  const [first = {}] = areas;
  const path = textOf(first, "path");
  const deleted = path.endsWith(DELETED);
  return {
    path: deleted ? path.slice(0, -DELETED.length) : path,
    deleted,
    executable: areas.some((area) => textOf(area, "permissions")[2] === "x"),
    device: textOf(first, "device"),
    inode: textOf(first, "inode"),
    pids: [...new Set(areas.map((area) => numberOf(area, "pid")))],
  };
}

/** Sockets of protocols between machines that wait for somebody. */
function parseListening(item: ViewItem): readonly ListeningSocket[] {
  const protocol = textOf(item, "protocol");
  const { localPort, owners } = item;
  const waits = STATES.get(protocol) === textOf(item, "state");
  if (!waits || !Array.isArray(owners) || localPort === 0) return [];
  const pids = owners.filter(isItem).map((owner) => numberOf(owner, "pid"));
  const port = typeof localPort === "number" ? localPort : null;
  return [{ protocol, address: textOf(item, "local"), port, pids }];
}

/** The state in which a socket of a protocol takes what comes from anywhere. */
const STATES: ReadonlyMap<string, string> = new Map([
  ...["tcp", "mptcp", "sctp", "dccp", "vsock"].map((name) => [name, "LISTEN"] as const),
  ...["udp", "udplite"].map((name) => [name, "UNCONN"] as const),
]);

function isItem(value: unknown): value is ViewItem {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(item: ViewItem, key: string): string {
  const value = item[key];
  if (typeof value === "string") return value;
  throw unfit(key, "a text");
}

function numberOf(item: ViewItem, key: string): number {
  const value = item[key];
  if (typeof value === "number") return value;
  throw unfit(key, "a number");
}

/** HOSTILE: the inspector may be in a guest's hands. */
function unfit(key: string, expected: string): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot take the inspector's row: its ${key} is something else, expected ${expected}.`,
  );
}
