import { CasemateError } from "@casemate/core";
import {
  type FileNode,
  FileSystem,
  ReadTrace,
  traceApart,
  traceReads,
} from "@casemate/formats/disk";
import type { Collector } from "../collector.ts";
import type { InformedVisitor } from "../informed-visitor.ts";
import type { Look } from "../look.ts";
import type { ScanBudget } from "../scan-budget.ts";
import { SystemLook } from "../system-look.ts";
import type { VisitedFile, Visitor } from "../visitor.ts";
import { WalkedFile } from "../walked-file.ts";
import type { ByteRanges } from "./byte-ranges.ts";
import {
  type KeptDirectory,
  type KeptEntry,
  keepError,
  packStat,
  type Recipe,
  restoreError,
  type Unit,
} from "./recipe.ts";
import type { ScanUnits } from "./scan-units.ts";
import { type KeptTree, UnitNode } from "./unit-node.ts";

/** How a state was scanned that this one differs little from. */
export interface PreviousScan {
  readonly recipe: Recipe;
  /** What is otherwise now. */
  readonly changed: ByteRanges;
}

export interface RecordedUnitsOptions {
  /** Sizes of the disks, in bytes. */
  readonly sizes: readonly number[];
  readonly budget: ScanBudget;
  readonly previous?: PreviousScan | undefined;
}

/** Files of a tree beyond which nothing is kept of it: each takes a few hundred bytes. */
const MAX_KEPT_FILES = 200_000;

/** Nothing was read, and nothing found. */
const NOTHING: Unit = { reads: [] };

/** Does what was not done before or may come out otherwise now, and keeps for the next scan what it did. */
export class RecordedUnits implements ScanUnits, KeptTree {
  readonly #sizes: readonly number[];
  readonly #budget: ScanBudget;
  readonly #opening = new ReadTrace();
  readonly #collectors: Record<string, Unit> = {};
  /** By path, of directories that were asked for. */
  readonly #unchanged = new Map<string, boolean>();
  /** Ids of visitors that may go by something else now than in the scan before. */
  readonly #informedAnew = new Set<string>();
  readonly #directories: Record<string, KeptDirectory> = {};
  readonly #entries = new Map<string, ReadonlyMap<string, KeptEntry>>();
  #previous: PreviousScan | undefined;
  #mounted = "";
  #files = 0;
  #isWhole = true;

  constructor({ sizes, budget, previous }: RecordedUnitsOptions) {
    this.#sizes = sizes;
    this.#budget = budget;
    const isSameSize = previous?.recipe.sizes.join() === sizes.join();
    this.#previous = isSameSize ? previous : undefined;
  }

  /** `undefined` where some of the work was not done to its end. */
  get recipe(): Recipe | undefined {
    if (!this.#isWhole) return undefined;
    const { spans: reads, facts, displaced } = this.#opening;
    return {
      sizes: this.#sizes,
      opening: { reads, facts, displaced },
      mounted: this.#mounted,
      collectors: this.#collectors,
      directories: this.#directories,
    };
  }

  open<Opened>(work: () => Opened): Opened {
    const opened = traceReads(this.#opening, work);
    const previous = this.#previous;
    if (previous !== undefined) {
      const { recipe, changed } = previous;
      const { displaced } = this.#opening;
      // What a journal has instead of what is in its place is told by neither place alone.
      const all = changed.with(recipe.opening.displaced).with(displaced);
      const isSame =
        !changed.meets(recipe.opening.reads) &&
        recipe.opening.facts.join() === this.#opening.facts.join();
      this.#previous = isSame ? { recipe, changed: all } : undefined;
    }
    return opened;
  }

  mount<Mounted>(work: () => Mounted, describe: (mounted: Mounted) => unknown): Mounted {
    const mounted = traceApart(work);
    this.#mounted = JSON.stringify(describe(mounted));
    if (this.#previous?.recipe.mounted !== this.#mounted) this.#previous = undefined;
    return mounted;
  }

  *collect<Row extends object>(look: Look, collector: Collector<Row>): Generator<Row> {
    const { id } = collector;
    const before = this.#usable(this.#previous?.recipe.collectors[id]);
    if (before !== undefined && this.#leadsAsBefore(look.files, before)) {
      this.#collectors[id] = before;
      yield* replay<Row>(before, look);
      return;
    }
    // Its own look: what another one knows already was not read for it.
    const own = new SystemLook(look.files, this.#budget);
    const unit = yield* this.#run(
      () => collector.collect(own),
      () => {
        const missed = own.missed.map(
          ({ what, code, reason }) => [what, { code, message: reason }] as const,
        );
        for (const [what, problem] of missed) look.miss(what, restoreError(problem));
        return missed;
      },
    );
    this.#collectors[id] = unit;
    if (unit.thrown !== undefined) throw restoreError(unit.thrown);
  }

  inform<Row extends object>(look: Look, visitor: InformedVisitor<Row>): Visitor<Row> {
    const { id } = visitor;
    let informed: Pick<Visitor<Row>, "visit"> | undefined;
    const collect = (own: Look) => {
      informed = visitor.inform(own);
      this.#informedAnew.add(id);
      return [];
    };
    for (const _ of this.collect(look, { id, collect }));
    return {
      ...visitor,
      visit: (file) => {
        // Where all that it visits is as before, it need not know.
        informed ??= traceApart(() => visitor.inform(new SystemLook(look.files, this.#budget)));
        return informed.visit(file);
      },
    };
  }

  *visit<Row extends object>(
    visitor: Visitor<Row>,
    file: VisitedFile,
    node: FileNode,
  ): Generator<Row> {
    if (!(node instanceof UnitNode)) throw new Error("A file is visited that is of another walk.");
    const { id } = visitor;
    const { entry } = node;
    const mayBeKnown = node.isAsBefore && !this.#informedAnew.has(id);
    const known = mayBeKnown ? this.#usable(node.before?.visits?.[id] ?? NOTHING) : undefined;
    if (known !== undefined) {
      keepVisit(entry, id, known);
      yield* replay<Row>(known);
      return;
    }
    // Its own file: what another visitor read of it already was not read for it.
    const own = new WalkedFile(file.path, node, this.#budget);
    const unit = yield* this.#run(
      () => visitor.visit(own),
      () => [],
    );
    keepVisit(entry, id, unit);
    if (unit.thrown !== undefined) throw restoreError(unit.thrown);
  }

  tree({ files }: Look): FileSystem {
    const { root } = files.volume;
    const { stat } = root;
    const entry = { name: "", stat: packStat(stat) };
    const place = { entry, before: undefined, stat, open: () => root };
    return new FileSystem({ ...files.volume, root: new UnitNode(this, "/", place) });
  }

  find(path: string, inode: number): KeptDirectory | undefined {
    const kept = this.#usable(this.#previous?.recipe.directories[path]);
    return kept?.inode === inode ? kept : undefined;
  }

  entry(directory: string, name: string): KeptEntry | undefined {
    let entries = this.#entries.get(directory);
    if (entries === undefined) {
      const kept = this.#previous?.recipe.directories[directory]?.entries ?? [];
      entries = new Map(kept.map((entry) => [entry.name, entry]));
      this.#entries.set(directory, entries);
    }
    return entries.get(name);
  }

  keep(path: string, directory: KeptDirectory): void {
    this.#files += directory.entries.length;
    if (this.#files > MAX_KEPT_FILES) this.#isWhole = false;
    if (this.#isWhole) this.#directories[path] = directory;
  }

  #usable<Kept extends { readonly reads: readonly number[] }>(
    kept: Kept | undefined,
  ): Kept | undefined {
    if (kept === undefined || this.#previous?.changed.meets(kept.reads) !== false) return undefined;
    return kept;
  }

  /** Whether the names that were looked up for it lead to where they led. */
  #leadsAsBefore(files: FileSystem, { lookups = {} }: Unit): boolean {
    return Object.entries(lookups).every(([path, found]) => {
      const directory = path.slice(0, path.lastIndexOf("/")) || "/";
      return this.#isUnchanged(directory) || traceApart(() => files.lookUp(path)) === found;
    });
  }

  /** Whether names in the directory lead to where they did. */
  #isUnchanged(directory: string): boolean {
    const known = this.#unchanged.get(directory);
    if (known !== undefined) return known;
    const isSame = this.#usable(this.#previous?.recipe.directories[directory]) !== undefined;
    this.#unchanged.set(directory, isSame);
    return isSame;
  }

  /** Does it; what it throws is in the unit, unless the time is used up. */
  *#run<Row extends object>(
    start: () => Iterable<Row>,
    takeMissed: () => NonNullable<Unit["missed"]>,
  ): Generator<Row, Unit> {
    const trace = new ReadTrace({ takesLookups: true });
    const rows: Row[] = [];
    let thrown: CasemateError | undefined;
    let isDone = false;
    try {
      const iterator = traceReads(trace, () => start()[Symbol.iterator]());
      for (;;) {
        const next = traceReads(trace, () => iterator.next());
        if (next.done === true) break;
        rows.push(next.value);
        yield next.value;
      }
      isDone = true;
    } catch (problem) {
      if (!(problem instanceof CasemateError) || problem.code === "inspect/budget") throw problem;
      thrown = problem;
      isDone = true;
    } finally {
      // Whoever takes the rows had enough of them, or the time is used up: this is not all.
      if (!isDone) {
        this.#isWhole = false;
        takeMissed();
      }
    }
    const missed = takeMissed();
    return {
      reads: trace.spans,
      ...(trace.lookups?.size ? { lookups: Object.fromEntries(trace.lookups) } : {}),
      ...(rows.length === 0 ? {} : { rows }),
      ...(missed.length === 0 ? {} : { missed }),
      ...(thrown === undefined ? {} : { thrown: keepError(thrown) }),
    };
  }
}

function* replay<Row extends object>(unit: Unit, look?: Look): Generator<Row> {
  yield* (unit.rows ?? []) as readonly Row[]; // of the collector or visitor of the same id
  for (const [what, problem] of unit.missed ?? []) look?.miss(what, restoreError(problem));
  if (unit.thrown !== undefined) throw restoreError(unit.thrown);
}

function keepVisit(entry: KeptEntry, id: string, unit: Unit): void {
  if (unit.reads.length === 0 && (unit.rows ?? unit.thrown) === undefined) return;
  entry.visits ??= {};
  entry.visits[id] = unit;
}
