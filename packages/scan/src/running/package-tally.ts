import { isNonEmpty } from "@casemate/core";
import type { FileUse } from "./mapped-files.ts";
import type { PackageUseState, UsingProcess } from "./package-use.ts";
import type { ProcessWitness } from "./process-evidence.ts";

/** What a file of a package is to those who ask whether it runs. */
export type FileKind = "program" | "script" | "data";

/** HOSTILE: as many as the guest likes. */
const limits = { processes: 256, paths: 8 };

/** What is true of memory as a whole, for all packages. */
export interface WholeLook {
  /** The release that runs; undefined where that is not known. */
  readonly release: string | undefined;
  /** Why something may be mapped that was not seen. */
  readonly gap: string | undefined;
}

/** What was seen of the files of one package. */
export class PackageTally {
  readonly #pids = new Map<number, { readonly paths: Set<string>; runsOld: boolean }>();
  readonly #releases = new Set<string>();
  #programs = 0;
  #scripts = 0;
  #unread: string | undefined;
  #doubtful: { readonly path: string; readonly pid: number } | undefined;

  count(kind: FileKind): void {
    if (kind === "program") this.#programs += 1;
    else if (kind === "script") this.#scripts += 1;
  }

  /** It has a kernel of that release, or modules of it. */
  countKernel(release: string): void {
    this.#releases.add(release);
  }

  /** A file that may be a program, and cannot be looked at. */
  miss(path: string): void {
    this.#unread ??= path;
  }

  use(path: string, { current, old, doubtful }: FileUse): void {
    for (const pid of current) this.#entryOf(pid).paths.add(path);
    for (const pid of old) {
      const entry = this.#entryOf(pid);
      entry.paths.add(path);
      entry.runsOld = true;
    }
    const [pid] = doubtful;
    if (pid !== undefined) this.#doubtful ??= { path, pid };
  }

  /** What follows of all that was seen: that it is not loaded only where nothing was missed. */
  conclude(witness: ProcessWitness, { release, gap }: WholeLook): PackageUseState {
    const processes = this.#processes(witness);
    if (isNonEmpty(processes)) {
      return { state: "mapped", processes, count: this.#pids.size };
    }
    if (release !== undefined && this.#releases.has(release)) {
      return { state: "running-kernel", release };
    }
    const reason = this.#doubt(release, gap);
    if (reason !== undefined) return { state: "unknown", reason };
    return { state: "not-loaded", programs: this.#programs };
  }

  #doubt(release: string | undefined, gap: string | undefined): string | undefined {
    if (gap !== undefined) return gap;
    if (this.#unread !== undefined) return `Cannot look at its file ${this.#unread}.`;
    if (this.#doubtful !== undefined) {
      const { path, pid } = this.#doubtful;
      return `Process ${pid} maps a file of the name ${path} that may be another root directory's.`;
    }
    if (this.#releases.size > 0) {
      return release === undefined ? "Which kernel runs is not known." : undefined;
    }
    if (this.#scripts > 0) {
      return `Interpreters run ${this.#scripts} of its files, and what they run they do not map.`;
    }
    return this.#programs === 0 ? "None of its files is a program or a library." : undefined;
  }

  #processes(witness: ProcessWitness): readonly UsingProcess[] {
    const reachable = (process: UsingProcess) => (process.listening?.length ?? 0) > 0;
    const all = [...this.#pids].map(([pid, { paths, runsOld }]) => {
      return { ...witness.describe(pid), paths: [...paths].slice(0, limits.paths), runsOld };
    });
    const first = (process: UsingProcess) => (reachable(process) ? 0 : 1);
    return all.toSorted((a, b) => first(a) - first(b) || a.pid - b.pid).slice(0, limits.processes);
  }

  #entryOf(pid: number) {
    const known = this.#pids.get(pid);
    if (known !== undefined) return known;
    const entry = { paths: new Set<string>(), runsOld: false };
    this.#pids.set(pid, entry);
    return entry;
  }
}
