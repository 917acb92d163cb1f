import { ProcessWitness } from "./process-evidence.ts";
import type { FileMapping, MemoryGap, MountedDevice, RunningMemory } from "./running-memory.ts";

/** The processes that have a file of the disks in their memory. */
export interface FileUse {
  /** As it is on the disk. */
  readonly current: readonly number[];
  /** As it was before it was replaced. */
  readonly old: readonly number[];
  /** Not to be told: a file of that name, and maybe another root directory's. */
  readonly doubtful: readonly number[];
}

const NONE: FileUse = { current: [], old: [], doubtful: [] };

/**
 * What processes map, by the files on the disks: the same device and inode, or the same path on the same
 * device. A container's own files have a device of their own, mostly, and are no files of the system.
 */
export class MappedFiles {
  readonly witness: ProcessWitness;
  /** Why more may be mapped than is known. */
  readonly gaps: readonly MemoryGap[];
  /** By mountpoint; the last that is mounted on a directory is the one that is seen. */
  readonly #mounts: ReadonlyMap<string, readonly MountedDevice[]>;
  readonly #byPath: ReadonlyMap<string, readonly FileMapping[]>;
  readonly #byInode: ReadonlyMap<string, readonly FileMapping[]>;

  constructor(memory: RunningMemory) {
    const { mappings, mounts, processes } = memory;
    this.witness = new ProcessWitness(memory);
    this.gaps = [...mappings.gaps, ...mounts.gaps, ...processes.gaps];
    this.#mounts = Map.groupBy(mounts.rows, ({ mountpoint }) => mountpoint);
    this.#byPath = Map.groupBy(mappings.rows, ({ path }) => path);
    this.#byInode = Map.groupBy(mappings.rows, (row) => keyOf(row.device, row.inode));
  }

  /** Whether the mapping is of a file of the system, and not of a container's or of none; unknown without mounts. */
  isOfSystem({ path, device }: FileMapping): boolean | undefined {
    const devices = this.#devicesOf(path);
    return devices.length === 0 ? undefined : devices.includes(device);
  }

  /** @param path in the tree of the disks, links resolved */
  find(path: string, inode: number): FileUse {
    const devices = this.#devicesOf(path);
    const [device] = devices;
    const same = device === undefined ? [] : (this.#byInode.get(keyOf(device, inode)) ?? []);
    const named = this.#byPath.get(path) ?? [];
    if (same.length === 0 && named.length === 0) return NONE;
    const current = new Set(same.flatMap(({ pids }) => pids));
    const old = new Set<number>();
    const doubtful = new Set<number>();
    for (const mapping of named) {
      if (same.includes(mapping)) continue;
      const isElsewhere = device !== undefined && !devices.includes(mapping.device);
      // Seen through an overlay a file keeps its inode's number.
      if (isElsewhere && mapping.inode !== `${inode}`) continue;
      for (const pid of mapping.pids) {
        if (isElsewhere) doubtful.add(pid);
        else if (mapping.deleted && device !== undefined) old.add(pid);
        // By the system's own root it is this file: the disk may be of a moment before it was written.
        else if (this.witness.hasFirstMounts(pid)) (mapping.deleted ? old : current).add(pid);
        else doubtful.add(pid);
      }
    }
    return { current: [...current], old: [...old], doubtful: [...doubtful] };
  }

  /** What is mounted on the directories of a path: first what has it, then what it may be hidden under. */
  #devicesOf(path: string): readonly string[] {
    const devices: string[] = [];
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      this.#addDevices(path.slice(0, end), devices);
    }
    this.#addDevices("/", devices);
    return devices;
  }

  #addDevices(mountpoint: string, devices: string[]): void {
    for (const { device } of this.#mounts.get(mountpoint)?.toReversed() ?? []) devices.push(device);
  }
}

const keyOf = (device: string, inode: string | number): string => `${device} ${inode}`;
