import { milliseconds } from "@casemate/core";
import { type FileSystem, openFileSystem } from "@casemate/formats/disk";
import { runSections } from "../run-sections.ts";
import { ScanBudget } from "../scan-budget.ts";
import { diskOf, type MadeFile, makeVolume } from "../system.fixture.ts";
import { SystemLook } from "../system-look.ts";
import type { FileMapping, MemoryRows, RunningMemory } from "./running-memory.ts";
import { runningSections } from "./running-sections.ts";

/** The device that the file systems of these tests are on. */
export const DEVICE = "254:0";

/** A file as a linker makes it, as far as its header tells. */
export const ELF = elf(3);
/** What a compiler makes: no process maps it. */
export const OBJECT = elf(1);

function elf(type: number): Buffer {
  const head = Buffer.alloc(64);
  head.write("\x7fELF\x02\x01\x01", "latin1");
  head.writeUInt16LE(type, 16);
  return head;
}

/** dpkg's files of packages with what is listed as theirs. */
export function dpkgOf(
  packages: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, string>> {
  const status = Object.keys(packages).map(
    (name) => `Package: ${name}\nStatus: install ok installed\nVersion: 1\n`,
  );
  const lists = Object.entries(packages).flatMap(([name, paths]) => {
    const stem = `/var/lib/dpkg/info/${name}`;
    return [
      [`${stem}.list`, `/.\n${paths.join("\n")}\n`] as const,
      [`${stem}.md5sums`, ""] as const,
    ];
  });
  return { "/var/lib/dpkg/status": status.join("\n"), ...Object.fromEntries(lists) };
}

export function openTree(files: Readonly<Record<string, MadeFile>>): FileSystem {
  return openFileSystem(diskOf(makeVolume(files)));
}

export const all = <Row>(...rows: readonly Row[]): MemoryRows<Row> => ({ rows, gaps: [] });

/** Memory of a system with one file system and these processes, and with `more`. */
export function memoryOf(
  processes: Readonly<Record<number, string>>,
  more: Partial<RunningMemory> = {},
): RunningMemory {
  const rows = Object.entries(processes).map(([pid, name]) => {
    return { pid: Number(pid), name, mountNamespace: 1 };
  });
  const banner = "Linux version 6.1.0-22-amd64 (a@b) #1 SMP Debian 6.1.94-1 (2024-06-21)\n";
  return {
    kernel: all({ release: "6.1.0-22-amd64", banner, buildId: null }),
    processes: all({ pid: 1, name: "init", mountNamespace: 1 }, ...rows),
    mappings: all(),
    listening: all(),
    mounts: all({ mountpoint: "/", device: DEVICE }),
    ...more,
  };
}

/** A mapping of the file at `path` as it is on the disk. */
export function mappingOf(
  files: FileSystem,
  path: string,
  more: Partial<FileMapping> = {},
): FileMapping {
  const { inode } = files.stat(path);
  const row = { path, deleted: false, executable: true, device: DEVICE, pids: [] };
  return { ...row, inode: `${inode}`, ...more };
}

/** What disks and memory say together; `prepare` gets the look before. */
export function scanRunning(
  files: FileSystem,
  memory: RunningMemory,
  prepare: (look: SystemLook) => void = () => {},
) {
  const budget = new ScanBudget(milliseconds(60_000));
  const look = new SystemLook(files, budget);
  prepare(look);
  const { found } = runSections(look, runningSections(memory), { budget });
  const { packageUses = [], outdatedPrograms = [], kernelStates = [] } = found;
  return { packageUses, outdatedPrograms, kernelStates, missed: look.missed };
}
