import { CasemateError, type NonEmpty } from "@casemate/core";
import { type BlockReader, Qcow2Image, traceDisk } from "@casemate/formats/disk";
import { type ScanOptions, type SystemScan, scanInUnits } from "../scan.ts";
import { ScanBudget } from "../scan-budget.ts";
import type { Sections } from "../section.ts";
import type { SystemDisk } from "../system/system-disk.ts";
import { ByteRanges } from "./byte-ranges.ts";
import { findChanges } from "./find-changes.ts";
import type { Recipe } from "./recipe.ts";
import { type PreviousScan, RecordedUnits } from "./recorded-units.ts";
import { deepestOf, type ReuseKind, stateKey } from "./reuse-keys.ts";
import type { ReuseStore } from "./reuse-store.ts";

/** A state of a disk: an image with all that is below it. */
export interface DiskLayer {
  /** The disk as its guest sees it with this layer on top. */
  readonly reader: BlockReader;
  /**
   * Differs from that of any other image's bytes, those below not counted; `undefined` where nobody can tell,
   * because somebody may write to it.
   */
  readonly identity: string | undefined;
}

/** A disk by all of its layers, the one that is scanned first. */
export interface LayeredDisk {
  readonly name: string;
  readonly layers: NonEmpty<DiskLayer>;
}

export interface ReuseOptions<Rows> extends Omit<ScanOptions<Rows>, "key"> {
  readonly store: ReuseStore;
  /** Who scans: another version, rule or salt is another one, and nobody's results are taken for its own. */
  readonly scanner: string;
  /** Asked before a result is kept: whether the layers still are what their identities say. */
  readonly isSettled?: () => boolean;
}

/**
 * As `scanSystem`, but nothing is read twice that a layer below the disks has as it is in them: a layer that
 * was scanned before costs its own changes, and one without any nothing. Layers below are scanned first where
 * they never were. The result is the one that a whole scan has.
 */
export function scanReusing<Rows extends Record<keyof Rows, object>>(
  disks: readonly LayeredDisk[],
  sections: Sections<Rows>,
  options: ReuseOptions<Rows>,
): SystemScan<Rows> {
  return new StateScanner(disks, sections, options).scan();
}

/** A system's states: 0 as it is, 1 without the top layer of each disk that has more than one, and so on. */
class StateScanner<Rows extends Record<keyof Rows, object>> {
  readonly #disks: readonly LayeredDisk[];
  readonly #sections: Sections<Rows>;
  readonly #options: ReuseOptions<Rows>;
  readonly #budget: ScanBudget;
  readonly #deepest: number;

  constructor(
    disks: readonly LayeredDisk[],
    sections: Sections<Rows>,
    options: ReuseOptions<Rows>,
  ) {
    this.#disks = disks;
    this.#sections = sections;
    this.#options = options;
    this.#budget = new ScanBudget(options.budget);
    this.#deepest = deepestOf(disks);
  }

  scan(depth = 0): SystemScan<Rows> {
    const kept = this.#get<SystemScan<Rows>>("result", depth);
    if (kept !== undefined) return kept;
    const changed = this.#findChanged(depth);
    if (changed?.isEmpty === true) return this.scan(depth + 1);
    const recipe = changed === undefined ? undefined : this.#recipe(depth + 1);
    const previous =
      changed === undefined || recipe === undefined ? undefined : { changed, recipe };
    return this.#scanState(depth, previous).result;
  }

  /** How the state was or is scanned; `undefined` where it was not to its end. */
  #recipe(depth: number): Recipe | undefined {
    const kept = this.#get<Recipe>("recipe", depth);
    if (kept !== undefined) return kept;
    const changed = this.#findChanged(depth);
    const below = changed === undefined ? undefined : this.#recipe(depth + 1);
    if (changed?.isEmpty === true) return below;
    const previous =
      changed === undefined || below === undefined ? undefined : { changed, recipe: below };
    const { recipe } = this.#scanState(depth, previous);
    if (recipe !== undefined) this.#put("recipe", depth, recipe);
    return recipe;
  }

  #scanState(depth: number, previous: PreviousScan | undefined) {
    const disks = this.#disksAt(depth);
    const sizes = disks.map(({ reader }) => reader.size);
    const budget = this.#budget;
    const units = new RecordedUnits({ sizes, budget, previous });
    const { only } = this.#options;
    const result = scanInUnits(traceDisks(disks), this.#sections, { budget, only, units });
    // What there was no time for is no part of the state.
    const isWhole = result.missed.every(({ code }) => code !== "inspect/budget");
    if (isWhole) this.#put("result", depth, result);
    return { result, recipe: isWhole ? units.recipe : undefined };
  }

  /** What differs from the state below; `undefined` where there is none, or it cannot be told. */
  #findChanged(depth: number): ByteRanges | undefined {
    if (depth >= this.#deepest) return undefined;
    const [disks, below] = [this.#disksAt(depth), this.#disksAt(depth + 1)];
    const changed: number[] = [];
    let base = 0;
    try {
      for (const [i, { reader }] of disks.entries()) {
        const under = below[i]?.reader;
        if (under !== reader) {
          if (!(reader instanceof Qcow2Image) || under?.size !== reader.size) return undefined;
          for (const place of findChanges(reader, under, this.#budget)) changed.push(base + place);
        }
        base += reader.size;
      }
    } catch (thrown) {
      // HOSTILE: an overlay's tables may be anything. The scan itself tells what cannot be read.
      if (thrown instanceof CasemateError) return undefined;
      throw thrown;
    }
    return new ByteRanges(changed);
  }

  #disksAt(depth: number): readonly SystemDisk[] {
    return this.#disks.map(({ name, layers }) => {
      const [top] = layers;
      const { reader } = layers[Math.min(depth, layers.length - 1)] ?? top;
      return { name, reader };
    });
  }

  #get<Value>(kind: ReuseKind, depth: number): Value | undefined {
    const key = this.#keyOf(kind, depth);
    const value = key === undefined ? undefined : this.#options.store.get(key);
    // What a store gives is what was put there: it says so itself.
    return value === undefined ? undefined : (JSON.parse(Buffer.from(value).toString()) as Value); // by its key
  }

  #put(kind: ReuseKind, depth: number, value: object): void {
    const key = this.#keyOf(kind, depth);
    if (key === undefined || this.#options.isSettled?.() === false) return;
    this.#options.store.put(key, Buffer.from(JSON.stringify(value)));
  }

  #keyOf(kind: ReuseKind, depth: number): string | undefined {
    return stateKey(this.#disks, this.#sections, this.#options, { kind, depth });
  }
}

/** The disks behind each other, as places in recipes count. */
function traceDisks(disks: readonly SystemDisk[]): readonly SystemDisk[] {
  let base = 0;
  return disks.map(({ name, reader }) => {
    const traced = { name, reader: traceDisk(reader, base) };
    base += reader.size;
    return traced;
  });
}
