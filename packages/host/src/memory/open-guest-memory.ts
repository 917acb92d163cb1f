import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
} from "node:fs";
import { CasemateError } from "@casemate/core";
import type { GuestMemoryDescription } from "./guest-memory-description.ts";
import { fcntl } from "./libc.ts";
import { isRunning, openPidFd } from "./pid-fd.ts";
import { type ProcessMapping, parseProcessMap } from "./process-map.ts";
import { parseHostAddress, parseRamRuns, type RamRun } from "./qemu-layout.ts";
import { firstPieceAfter, type RamPiece } from "./ram-piece.ts";

/** A running QEMU's monitor, as libvirt passes it through; each answers with QEMU's own reply. */
export interface QemuMonitor {
  /** A command of the human monitor; the answer is its text. */
  hmp(line: string): Promise<string>;
  /** A command of QMP; the answer is its `return` member. */
  qmp(command: { readonly execute: string }): Promise<unknown>;
}

export interface GuestMemorySource {
  readonly pid: number;
  /** The VM's name, for errors and people. */
  readonly description: string;
  readonly monitor: QemuMonitor;
}

/** A guest's RAM, opened: what to read and by which descriptors, to be used or sent away. */
export interface OpenGuestMemory {
  readonly description: GuestMemoryDescription;
  readonly fds: readonly number[];
}

const O_PATH = 0x200000;
const F_GET_SEALS = 1034;
const F_SEAL_SHRINK = 2;
/** statfs(2): pages of such files may be missing when they are touched, which kills the reader. */
const HUGETLBFS_MAGIC = 0x958458f6;

/** A run of RAM and the mapping of the QEMU process that holds it. */
interface HostRun {
  readonly start: number;
  readonly end: number;
  readonly address: number;
  readonly mapping: ProcessMapping;
}

/**
 * Opens the RAM of a running QEMU guest for reading, with the layout that QEMU itself tells.
 *
 * Shared memory files that can no longer shrink are opened to be mapped, all else through
 * `/proc/PID/mem` (docs/decisions/0003-guest-memory-sources.md). The caller owns the descriptors.
 * Throws `vm/gone`, `memory/not-permitted`, `memory/unsupported`.
 */
export async function openGuestMemory(
  source: GuestMemorySource,
  signal?: AbortSignal,
): Promise<OpenGuestMemory> {
  const fds: number[] = [openPidFd(source.pid)];
  try {
    const runs = await readLayout(source.monitor, signal);
    const mappings = readProcessMap(source);
    const hostRuns = runs.flatMap((run) => findMappings(run, mappings));
    const opened = openShared(source, hostRuns, fds) ?? openProcess(source, hostRuns, fds);
    // All that was opened by number was this process, because it still runs.
    if (!isRunning(fds[0] ?? -1)) throw gone(source);
    return { description: opened, fds };
  } catch (error) {
    for (const fd of fds) closeSync(fd);
    throw error;
  }
}

interface PlacedRun extends RamRun {
  readonly address: number;
}

async function readLayout(
  monitor: QemuMonitor,
  signal: AbortSignal | undefined,
): Promise<readonly PlacedRun[]> {
  const backends = parseBackends(await monitor.qmp({ execute: "query-memdev" }));
  signal?.throwIfAborted();
  const runs = parseRamRuns(await monitor.hmp("info mtree -f"), backends);
  const bases = new Map<string, number>();
  const placed: PlacedRun[] = [];
  for (const run of runs) {
    signal?.throwIfAborted();
    let base = bases.get(run.block);
    if (base === undefined) {
      const line = `gpa2hva 0x${run.start.toString(16)}`;
      base = parseHostAddress(await monitor.hmp(line)) - run.offset;
      bases.set(run.block, base);
    }
    placed.push({ ...run, address: base + run.offset });
  }
  return placed;
}

/** The ids in an answer to QMP `query-memdev` (qapi/machine.json, Memdev). */
function parseBackends(answer: unknown): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const item of Array.isArray(answer) ? answer : []) {
    if (typeof item?.id === "string") ids.add(item.id);
  }
  return ids;
}

function readProcessMap(source: GuestMemorySource): readonly ProcessMapping[] {
  try {
    return parseProcessMap(readFileSync(`/proc/${source.pid}/maps`, "utf8"));
  } catch (error) {
    throw explain(source, error);
  }
}

/** The mappings that hold a run of RAM, whole; QEMU splits them by advice, never by content. */
function findMappings(run: PlacedRun, mappings: readonly ProcessMapping[]): readonly HostRun[] {
  const found: HostRun[] = [];
  const end = run.address + (run.end - run.start);
  for (let at = run.address, i = firstPieceAfter(mappings, at); at < end; i += 1) {
    const mapping = mappings[i];
    if (mapping === undefined || mapping.start > at) {
      throw new CasemateError(
        "memory/unsupported",
        `Cannot find the guest's RAM ${run.block}: QEMU maps nothing at 0x${at.toString(16)}, expected it there.`,
      );
    }
    const to = Math.min(end, mapping.end);
    const start = run.start + (at - run.address);
    found.push({ start, end: start + (to - at), address: at, mapping });
    at = to;
  }
  return found;
}

/** The RAM as sealed files; `undefined` if any of it is private, may shrink, or is on huge pages. */
function openShared(
  source: GuestMemorySource,
  runs: readonly HostRun[],
  fds: number[],
): GuestMemoryDescription | undefined {
  if (runs.some(({ mapping }) => !mapping.shared || mapping.inode === 0)) return undefined;
  const files = new Map<number, number>();
  const pieces: RamPiece[] = [];
  for (const { start, end, address, mapping } of runs) {
    let file = files.get(mapping.inode);
    if (file === undefined) {
      const fd = openMapped(source, mapping);
      if (fd === undefined) return closeFiles(fds);
      file = fds.push(fd) - 1;
      files.set(mapping.inode, file);
      const seals = fcntl(fd, F_GET_SEALS);
      const sealed = seals >= 0 && (seals & F_SEAL_SHRINK) !== 0;
      const huge = statfsSync(`/proc/self/fd/${fd}`).type === HUGETLBFS_MAGIC;
      if (!sealed || huge) return closeFiles(fds);
    }
    const offset = mapping.offset + (address - mapping.start);
    if (fstatSync(fds[file] ?? -1).size < offset + (end - start)) return closeFiles(fds);
    pieces.push({ start, end, file, offset });
  }
  const description = `${source.description} (memfd of pid ${source.pid})`;
  return { kind: "mapped", description, pieces: joinPieces(pieces) };
}

function openProcess(
  source: GuestMemorySource,
  runs: readonly HostRun[],
  fds: number[],
): GuestMemoryDescription {
  try {
    const file = fds.push(openSync(`/proc/${source.pid}/mem`, "r")) - 1;
    const pieces = runs.map(({ start, end, address }) => ({ start, end, file, offset: address }));
    const description = `${source.description} (memory of pid ${source.pid})`;
    return { kind: "process", description, pieces: joinPieces(pieces) };
  } catch (error) {
    throw explain(source, error);
  }
}

/**
 * The file behind a mapping, by the kernel's own link and not by its name: a name could lead a
 * privileged reader elsewhere. `undefined` if it cannot be had.
 *
 * HOSTILE: the QEMU process may change its mappings meanwhile, so the file must be a regular one with
 * the inode that was seen before it is opened for reading.
 */
function openMapped(source: GuestMemorySource, mapping: ProcessMapping): number | undefined {
  const process = `/proc/${source.pid}`;
  const link = `${process}/map_files/${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  for (const path of [link, ...listDescriptors(`${process}/fd`)]) {
    let found: number;
    try {
      found = openSync(path, O_PATH);
    } catch {
      continue; // needs CAP_SYS_ADMIN for map_files; a descriptor may be closed: the next may do
    }
    try {
      const { ino } = fstatSync(found);
      if (ino !== mapping.inode || !fstatSync(found).isFile()) continue;
      return openSync(`/proc/self/fd/${found}`, constants.O_RDONLY);
    } catch {
      return undefined;
    } finally {
      closeSync(found);
    }
  }
  return undefined;
}

function* listDescriptors(directory: string): Generator<string> {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch {
    return; // not permitted: reading by /proc/PID/mem is tried next, and says so
  }
  for (const name of names) yield `${directory}/${name}`;
}

/** Closes all but the pidfd. */
function closeFiles(fds: number[]): undefined {
  for (const fd of fds.splice(1)) closeSync(fd);
}

function joinPieces(pieces: readonly RamPiece[]): readonly RamPiece[] {
  const joined: RamPiece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    const follows =
      last?.end === piece.start &&
      last.file === piece.file &&
      last.offset + (last.end - last.start) === piece.offset;
    if (follows) joined[joined.length - 1] = { ...last, end: piece.end };
    else joined.push(piece);
  }
  return joined;
}

function explain(source: GuestMemorySource, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  switch (error.code) {
    case "EACCES":
    case "EPERM":
      return new CasemateError(
        "memory/not-permitted",
        `Cannot read the memory of ${source.description}: ${error.message}, expected the right to read process ${source.pid}.`,
        { cause: error },
      );
    case "ENOENT":
    case "ESRCH":
      return gone(source, error);
    default:
      return error;
  }
}

function gone(source: GuestMemorySource, cause?: unknown): CasemateError {
  return new CasemateError(
    "vm/gone",
    `Cannot read the memory of ${source.description}: process ${source.pid} ended, expected a running QEMU.`,
    { cause },
  );
}
