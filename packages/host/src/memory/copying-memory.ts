import { CasemateError, type MemoryRange, MiB, type PhysicalMemory } from "@casemate/core";
import { firstPieceAfter, rangesOf } from "./ram-piece.ts";

/** How much is kept in copies by default. */
const KEPT_BYTES = 64 * MiB;
/** A page a window: following pointers then copies the least. */
const WINDOW_SHIFT = 12;
const WINDOW_BYTES = 2 ** WINDOW_SHIFT;
/** Windows copied at once at most when one is asked for after the other. */
const MAX_RUN = 64;

export interface CopyingMemoryOptions {
  readonly description: string;
  /** Where RAM answers: sorted, disjoint, page-aligned. */
  readonly pieces: readonly { readonly start: number; readonly end: number }[];
  readonly live: boolean;
  /** Bytes of copies kept at most; what was handed out lives as long as its reader holds it. */
  readonly keptBytes?: number;
  /** Fills `target`, whole pages, with the guest's bytes from `address` on, all in piece `piece`. */
  readonly fill: (piece: number, address: number, target: Uint8Array) => void;
  readonly close: () => void;
}

/**
 * Guest RAM that is copied page by page as it is read: a process's memory, a compressed dump. Who reads
 * on and on gets more and more pages at once.
 *
 * Copies are kept in two generations: when the young one holds half of the bound it becomes the old
 * one, and what nobody asked for meanwhile is dropped. That is close to least-recently-used and
 * costs one map look-up a hit.
 */
export class CopyingMemory implements PhysicalMemory {
  readonly description: string;
  readonly ranges: readonly MemoryRange[];
  readonly windowShift = WINDOW_SHIFT;
  readonly live: boolean;
  readonly #options: CopyingMemoryOptions;
  readonly #generationSize: number;
  #young = new Map<number, DataView>();
  #old = new Map<number, DataView>();
  /** The window after the last one that was copied, and how many were. */
  #next = -1;
  #run = 1;
  #closed = false;

  constructor(options: CopyingMemoryOptions) {
    this.#options = options;
    this.description = options.description;
    this.live = options.live;
    this.#generationSize = (options.keptBytes ?? KEPT_BYTES) / WINDOW_BYTES / 2;
    this.ranges = rangesOf(options.pieces);
  }

  window(index: number): DataView | undefined {
    const young = this.#young.get(index);
    if (young !== undefined) return young;
    if (this.#closed) {
      throw new CasemateError(
        "internal",
        `Cannot read ${this.description}: it was closed, expected an open memory.`,
      );
    }
    const old = this.#old.get(index);
    if (old === undefined) return this.#copy(index);
    this.#keep(index, old);
    return old;
  }

  /** All of it: copying allocates nothing in the guest. */
  populated(): Iterable<MemoryRange> {
    return this.ranges;
  }

  refresh(): void {
    if (!this.live) return;
    this.#young.clear();
    this.#old.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#young.clear();
    this.#old.clear();
    this.#options.close();
  }

  #keep(index: number, view: DataView): void {
    if (this.#young.size >= this.#generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(index, view);
  }

  #copy(index: number): DataView | undefined {
    const { pieces } = this.#options;
    const start = index * WINDOW_BYTES;
    const number = firstPieceAfter(pieces, start);
    const piece = pieces[number];
    if (piece === undefined || piece.start > start) return undefined;
    this.#run = index === this.#next ? Math.min(this.#run * 2, MAX_RUN) : 1;
    const length = Math.min(this.#run * WINDOW_BYTES, piece.end - start);
    const { buffer, byteLength } = this.#fill(number, start, length);
    this.#next = index + byteLength / WINDOW_BYTES;
    const view = new DataView(buffer, 0, WINDOW_BYTES);
    this.#keep(index, view);
    for (let at = WINDOW_BYTES; at < byteLength; at += WINDOW_BYTES) {
      this.#keep(index + at / WINDOW_BYTES, new DataView(buffer, at, WINDOW_BYTES));
    }
    return view;
  }

  /** The bytes from `address` on; one page where pages that nobody asked for yet cannot be read. */
  #fill(piece: number, address: number, length: number): Uint8Array<ArrayBuffer> {
    const target = Buffer.allocUnsafeSlow(length); // overwritten whole
    try {
      this.#options.fill(piece, address, target);
      return target;
    } catch (error) {
      if (length === WINDOW_BYTES) throw error;
      return this.#fill(piece, address, WINDOW_BYTES);
    }
  }
}
