import { CasemateError } from "@casemate/core";
import type { DirectoryEntry, FileSystem } from "@casemate/formats/disk";
import type { Look } from "./look.ts";
import { type Missed, missedBy } from "./missed.ts";
import type { ScanBudget } from "./scan-budget.ts";
import { WalkedFile } from "./walked-file.ts";

/** HOSTILE: a damaged file system has a problem in every file. */
const MAX_MISSED = 10_000;
/** Mail and cache directories have some 100,000. */
const MAX_ENTRIES = 1_000_000;

/** A look that keeps what it missed. */
export class SystemLook implements Look {
  readonly files: FileSystem;
  readonly #budget: ScanBudget;
  readonly #missed = new Map<string, Missed>();
  #unsaid = 0;

  constructor(files: FileSystem, budget: ScanBudget) {
    this.files = files;
    this.#budget = budget;
  }

  /** What was missed so far, each thing once. */
  get missed(): readonly Missed[] {
    const said = [...this.#missed.values()];
    if (this.#unsaid === 0) return said;
    const reason = `Cannot say all that was missed: ${this.#unsaid} more, expected ${MAX_MISSED} at most.`;
    return [...said, { what: "/", code: "disk/damaged", reason }];
  }

  read(path: string, mostBytes: number): Buffer | undefined {
    this.#budget.verify();
    try {
      return this.files.readFile(path, mostBytes);
    } catch (thrown) {
      this.#missUnlessAbsent(path, thrown);
      return undefined;
    }
  }

  *list(path: string): Generator<DirectoryEntry> {
    this.#budget.verify();
    try {
      let count = 0;
      for (const entry of this.files.readDirectory(path)) {
        yield entry;
        count += 1;
        if (count % 1024 === 0) this.#budget.verify();
        if (count < MAX_ENTRIES) continue;
        throw new CasemateError(
          "disk/unsupported",
          `Cannot list ${path}: it has more than ${MAX_ENTRIES} entries, expected fewer.`,
        );
      }
    } catch (thrown) {
      this.#missUnlessAbsent(path, thrown);
    }
  }

  open(path: string): WalkedFile | undefined {
    this.#budget.verify();
    try {
      return new WalkedFile(path, this.files.find(path, { follow: false }), this.#budget);
    } catch (thrown) {
      this.#missUnlessAbsent(path, thrown);
      return undefined;
    }
  }

  miss(path: string, problem: CasemateError): void {
    const key = `${path}\0${problem.message}`;
    if (this.#missed.has(key)) return;
    if (this.#missed.size < MAX_MISSED) this.#missed.set(key, missedBy(path, problem));
    else this.#unsaid += 1;
  }

  #missUnlessAbsent(path: string, thrown: unknown): void {
    if (!(thrown instanceof CasemateError) || thrown.code === "inspect/budget") throw thrown;
    if (thrown.code !== "disk/not-found") this.miss(path, thrown);
  }
}
