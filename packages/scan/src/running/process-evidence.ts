import type { ListeningSocket, RunningMemory } from "./running-memory.ts";

/** A process, as evidence of what runs. HOSTILE: processes name themselves. */
export interface ProcessEvidence {
  readonly pid: number;
  /** Null where it ended between two looks. */
  readonly name: string | null;
  /** Inode number of its mount namespace, where it is not the first process's: of a container, or of a service with mounts of its own. */
  readonly mountNamespace?: number;
  /** The sockets on which it can be reached; absent where none was seen and not all were looked at. */
  readonly listening?: readonly Endpoint[];
}

export type Endpoint = Omit<ListeningSocket, "pids">;

/** HOSTILE: a process may have any number of them. */
const MAX_ENDPOINTS = 64;
const FIRST_PID = 1;

/** Tells of processes what memory says of them. */
export class ProcessWitness {
  readonly #names = new Map<number, string>();
  readonly #namespaces = new Map<number, number>();
  readonly #endpoints = new Map<number, Endpoint[]>();
  readonly #sawAllSockets: boolean;

  constructor({ processes, listening }: Pick<RunningMemory, "processes" | "listening">) {
    for (const { pid, name, mountNamespace } of processes.rows) {
      this.#names.set(pid, name);
      if (mountNamespace !== null) this.#namespaces.set(pid, mountNamespace);
    }
    for (const { pids, protocol, address, port } of listening.rows) {
      for (const pid of new Set(pids)) {
        const known = this.#endpoints.get(pid) ?? [];
        if (known.length < MAX_ENDPOINTS) known.push({ protocol, address, port });
        this.#endpoints.set(pid, known);
      }
    }
    this.#sawAllSockets = listening.gaps.length === 0;
  }

  /** Whether the process is known to see the mounts that the first process sees. */
  hasFirstMounts(pid: number): boolean {
    const first = this.#namespaces.get(FIRST_PID);
    return first !== undefined && this.#namespaces.get(pid) === first;
  }

  describe(pid: number): ProcessEvidence {
    const namespace = this.#namespaces.get(pid);
    const endpoints = this.#endpoints.get(pid);
    const listening = endpoints ?? (this.#sawAllSockets ? [] : undefined);
    return {
      pid,
      name: this.#names.get(pid) ?? null,
      ...(namespace === undefined || this.hasFirstMounts(pid) ? {} : { mountNamespace: namespace }),
      ...(listening === undefined ? {} : { listening }),
    };
  }
}
