import type { ErrorCode } from "@casemate/core";

/** What a look at a guest's memory brought, and why there may be more. HOSTILE: the guest controls every value. */
export interface MemoryRows<Row> {
  readonly rows: readonly Row[];
  /** Empty where all was seen. */
  readonly gaps: readonly MemoryGap[];
}

export interface MemoryGap {
  readonly code: ErrorCode;
  /** A sentence. */
  readonly reason: string;
}

/** What runs on a system, as its memory says: what the files on its disks are held against. */
export interface RunningMemory {
  /** One row. */
  readonly kernel: MemoryRows<RunningKernel>;
  readonly processes: MemoryRows<RunningProcess>;
  readonly mappings: MemoryRows<FileMapping>;
  readonly listening: MemoryRows<ListeningSocket>;
  /** As the first process sees them, in their order. */
  readonly mounts: MemoryRows<MountedDevice>;
}

export interface RunningKernel {
  /** `6.1.0-22-amd64`. */
  readonly release: string;
  /** `Linux version 6.1.0-22-amd64 (…) #1 SMP PREEMPT_DYNAMIC Debian 6.1.94-1 (2024-06-21)`. */
  readonly banner: string;
  /** Hexadecimal; null where the kernel carries none. */
  readonly buildId: string | null;
}

export interface RunningProcess {
  readonly pid: number;
  readonly name: string;
  /** Inode number of its mount namespace; null where it has none any more. */
  readonly mountNamespace: number | null;
}

/** A file that processes have in their memory. */
export interface FileMapping {
  /** Without ` (deleted)`; of another root directory than the first process's, from there. */
  readonly path: string;
  /** The name is gone, or leads to another file by now. */
  readonly deleted: boolean;
  /** A part of it is mapped as code. */
  readonly executable: boolean;
  /** Of its file system: `254:0`. */
  readonly device: string;
  readonly inode: string;
  readonly pids: readonly number[];
}

/** A socket that others can reach. */
export interface ListeningSocket {
  /** `tcp`, `udp`, … */
  readonly protocol: string;
  readonly address: string;
  readonly port: number | null;
  readonly pids: readonly number[];
}

export interface MountedDevice {
  readonly mountpoint: string;
  /** `254:0`. */
  readonly device: string;
}
