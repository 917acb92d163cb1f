import { closeSync } from "node:fs";
import { CasemateError, gpa, type MemoryRange, type PhysicalMemory } from "@casemate/core";
import { lastError, lseek } from "./libc.ts";
import { firstPieceAfter, type RamPiece, rangesOf } from "./ram-piece.ts";
import { WindowMapping, type WindowPart } from "./window-mapping.ts";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** 1 GiB windows: a few per guest, and each an ArrayBuffer that every Node can hold. */
const WINDOW_SHIFT = 30;
const WINDOW_BYTES = 2 ** WINDOW_SHIFT;

export interface MappedMemoryOptions {
  readonly description: string;
  /** Sorted, disjoint, page-aligned in memory and file. */
  readonly pieces: readonly RamPiece[];
  /** What `RamPiece.file` counts; the memory owns and closes them. */
  readonly fds: readonly number[];
  readonly live: boolean;
  /** Asked at every `refresh()`: whether the guest still runs. */
  readonly isAlive?: () => boolean;
}

/** Guest RAM mapped from files without a copy: shared RAM of a running guest, or a raw image. */
export class MappedMemory implements PhysicalMemory {
  readonly description: string;
  readonly ranges: readonly MemoryRange[];
  readonly windowShift = WINDOW_SHIFT;
  readonly live: boolean;
  readonly #options: MappedMemoryOptions;
  readonly #windows = new Map<number, WindowMapping>();
  #state: "open" | "gone" | "closed" = "open";

  constructor(options: MappedMemoryOptions) {
    this.#options = options;
    this.description = options.description;
    this.live = options.live;
    this.ranges = rangesOf(options.pieces);
  }

  window(index: number): DataView | undefined {
    if (this.#state !== "open") throw this.#unusable();
    const known = this.#windows.get(index);
    if (known !== undefined) return known.view;
    const start = index * WINDOW_BYTES;
    const parts: WindowPart[] = [];
    let length = 0;
    const { pieces, fds } = this.#options;
    for (let i = firstPieceAfter(pieces, start); i < pieces.length; i += 1) {
      const piece = pieces[i];
      const fd = fds[piece?.file ?? -1];
      if (piece === undefined || fd === undefined || piece.start >= start + WINDOW_BYTES) break;
      const from = Math.max(piece.start, start);
      const to = Math.min(piece.end, start + WINDOW_BYTES);
      length = to - start;
      const offset = piece.offset + (from - piece.start);
      parts.push({ at: from - start, length: to - from, fd, offset });
    }
    if (parts.length === 0) return undefined;
    const mapping = new WindowMapping(length, parts);
    this.#windows.set(index, mapping);
    return mapping.view;
  }

  /** Nothing is copied, so nothing is forgotten; notices that the guest is gone. */
  refresh(): void {
    if (this.#state === "open" && this.#options.isAlive?.() === false) this.#state = "gone";
  }

  /** The RAM that has been written to, as the files' holes tell; the rest reads as zeros. */
  *populated(): Generator<MemoryRange> {
    for (const piece of this.#options.pieces) {
      const fd = this.#options.fds[piece.file] ?? -1;
      const shift = piece.start - piece.offset;
      const end = piece.end - shift;
      for (let at = piece.offset; at < end; ) {
        if (this.#state !== "open") throw this.#unusable();
        let data = lseek(fd, at, SEEK_DATA);
        if (data < 0 && lastError() === "ENXIO") break;
        if (data < 0) data = at; // a file system that cannot tell: all may be data
        if (data >= end) break;
        const hole = lseek(fd, data, SEEK_HOLE);
        // A file system whose blocks are no pages tells bytes; a page with some data is data.
        const from = Math.max(at, Math.floor(data / 4096) * 4096);
        at = hole < 0 ? end : Math.min(end, Math.ceil(hole / 4096) * 4096);
        yield { start: gpa(from + shift), end: gpa(at + shift) };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const mapping of this.#windows.values()) mapping[Symbol.dispose]();
    this.#windows.clear();
    for (const fd of this.#options.fds) closeSync(fd);
  }

  #unusable(): CasemateError {
    return this.#state === "gone"
      ? new CasemateError(
          "vm/gone",
          `Cannot read ${this.description}: its QEMU process ended, expected a running one.`,
        )
      : new CasemateError(
          "internal",
          `Cannot read ${this.description}: it was closed, expected an open memory.`,
        );
  }
}
