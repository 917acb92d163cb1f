import type { MemoryRange, PhysicalMemory } from "@casemate/core";

const SHIFT = 12;
const PAGE = 2 ** SHIFT;

/**
 * A guest's memory with changes laid over it, page by page; nothing else of it is copied.
 *
 * What it lies over must not change and not be closed before it.
 */
export class MutatedMemory implements PhysicalMemory {
  readonly description: string;
  readonly ranges: readonly MemoryRange[];
  readonly windowShift = SHIFT;
  live = false;
  /** Called by each `refresh()`: where a test changes a guest that is looked at. */
  onRefresh: () => void = () => {};
  readonly #base: PhysicalMemory;
  readonly #clean = new Map<number, DataView>();
  readonly #changed = new Map<number, DataView>();
  #hidden = false;
  #flood:
    | { readonly first: number; readonly end: number; page(index: number): DataView }
    | undefined;

  constructor(base: PhysicalMemory) {
    this.#base = base;
    this.description = `${base.description}, mutated`;
    this.ranges = base.ranges;
  }

  window(index: number): DataView | undefined {
    if (this.#hidden) return this.clean(index);
    if (this.#flood !== undefined && index >= this.#flood.first && index < this.#flood.end) {
      return this.#flood.page(index);
    }
    return this.#changed.get(index) ?? this.clean(index);
  }

  /** The page as it is without changes; `undefined` where there is no RAM. */
  clean(index: number): DataView | undefined {
    const known = this.#clean.get(index);
    if (known !== undefined) return known;
    const perWindow = 2 ** (this.#base.windowShift - SHIFT);
    const outer = this.#base.window(Math.floor(index / perWindow));
    const at = (index % perWindow) * PAGE;
    if (outer === undefined || at + PAGE > outer.byteLength) return undefined;
    const view = new DataView(outer.buffer, outer.byteOffset + at, PAGE);
    this.#clean.set(index, view);
    return view;
  }

  /** The page as a copy that may be written to; `undefined` where there is no RAM. */
  writable(index: number): DataView | undefined {
    const known = this.#changed.get(index);
    if (known !== undefined) return known;
    const clean = this.clean(index);
    if (clean === undefined) return undefined;
    const copy = new Uint8Array(clean.buffer, clean.byteOffset, PAGE).slice();
    const view = new DataView(copy.buffer);
    this.#changed.set(index, view);
    return view;
  }

  /** Writes `size` bytes (1, 2, 4 or 8) of `value`, little-endian, within one page; not outside of RAM. */
  write(at: number, size: number, value: bigint): void {
    const view = this.writable(Math.floor(at / PAGE));
    for (let i = 0; i < size && (at % PAGE) + i < PAGE; i += 1) {
      view?.setUint8((at % PAGE) + i, Number((value >> BigInt(i * 8)) & 0xffn));
    }
  }

  /** Makes the pages `[first, end)` what `page` says of each: structures without end cost nothing. */
  flood(first: number, end: number, page: (index: number) => DataView): void {
    this.#flood = { first, end, page };
  }

  /** Whether readers see the memory without its changes. */
  hideChanges(hidden: boolean): void {
    this.#hidden = hidden;
  }

  /** Takes all changes back. */
  reset(): void {
    this.#hidden = false;
    this.#changed.clear();
    this.#flood = undefined;
    this.live = false;
    this.onRefresh = () => {};
  }

  /** All of it: what was a hole may have been changed. */
  populated(): Iterable<MemoryRange> {
    return this.ranges;
  }

  refresh(): void {
    this.onRefresh();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
