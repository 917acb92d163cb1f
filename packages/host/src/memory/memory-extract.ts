import { ftruncateSync, readSync, writeSync } from "node:fs";
import { type MemoryRange, MiB, type PhysicalMemory } from "@casemate/core";
import { formatLimeHeader, LIME_HEADER_BYTES } from "@casemate/formats/memory-images";

const PAGE = 4096;
/** What is compared at once. */
const PIECE = MiB;

/** A file and the byte of it where the extract begins; what it had from there on is lost. */
export interface ExtractPlace {
  readonly fd: number;
  readonly at: number;
}

/** How far a pass has come, in bytes of RAM, and how many of them were other than in the extract. */
export interface ExtractStep {
  readonly passed: number;
  readonly changed: number;
}

/** A range of RAM and where its bytes are in the file. */
interface PlacedRange extends MemoryRange {
  readonly offset: number;
}

/**
 * A guest's whole RAM in a file, as LiME has it: a header before each range. Pages of zeros are holes.
 *
 * Each pass makes it what the RAM is by then and writes only what differs: a pass over a guest that runs leaves
 * little to the next one, for which it can stand still. A pass that finds no difference has seen memory as it
 * was, all of it, when the one before ended.
 */
export class MemoryExtract {
  /** In the file, with headers. */
  readonly bytes: number;
  /** Of RAM. */
  readonly ramBytes: number;
  readonly #memory: PhysicalMemory;
  readonly #fd: number;
  readonly #ranges: readonly PlacedRange[];
  readonly #now = Buffer.alloc(PIECE);
  readonly #then = Buffer.alloc(PIECE);

  /** Throws what writing to the file does. */
  constructor(memory: PhysicalMemory, { fd, at }: ExtractPlace) {
    this.#memory = memory;
    this.#fd = fd;
    let end = at;
    this.#ranges = memory.ranges.map((range) => {
      const offset = end + LIME_HEADER_BYTES;
      end = offset + (range.end - range.start);
      return { ...range, offset };
    });
    this.bytes = end - at;
    this.ramBytes = this.bytes - LIME_HEADER_BYTES * this.#ranges.length;
    ftruncateSync(fd, at);
    ftruncateSync(fd, end);
    for (const range of this.#ranges) {
      writeWhole(fd, formatLimeHeader(range), range.offset - LIME_HEADER_BYTES);
    }
  }

  /** One pass over all RAM, a step at a time. Throws `vm/gone`, and what writing to the file does. */
  *pass(): Generator<ExtractStep> {
    this.#memory.refresh();
    // HOSTILE: there can be a run for every other page; each is asked for once.
    const runs = this.#memory.populated()[Symbol.iterator]();
    let run = runs.next();
    let passed = 0;
    for (const { start, end, offset } of this.#ranges) {
      for (let at: number = start; at < end; ) {
        const to = Math.min(at + PIECE, end);
        const piece = this.#now.subarray(0, to - at).fill(0);
        for (; run.done !== true && run.value.start < to; run = runs.next()) {
          this.#read(Math.max(run.value.start, at), Math.min(run.value.end, to), piece, at);
          if (run.value.end > to) break;
        }
        passed += piece.length;
        yield { passed, changed: this.#bring(piece, offset + (at - start)) };
        at = to;
      }
    }
  }

  /** Copies RAM `[from, to)` into `piece`, whose first byte is at `base`. */
  #read(from: number, to: number, piece: Buffer, base: number): void {
    const windowBytes = 2 ** this.#memory.windowShift;
    for (let at = from; at < to; ) {
      const index = Math.floor(at / windowBytes);
      const inside = at - index * windowBytes;
      const length = Math.min(to - at, windowBytes - inside);
      const window = this.#memory.window(index);
      if (window !== undefined) {
        const { buffer, byteOffset } = window;
        piece.set(new Uint8Array(buffer, byteOffset + inside, length), at - base);
      }
      at += length;
    }
  }

  /** Makes the file at `offset` what `piece` is; how many bytes were in pages that differed. */
  #bring(piece: Buffer, offset: number): number {
    const then = this.#then.subarray(0, piece.length);
    readWhole(this.#fd, then, offset);
    if (piece.equals(then)) return 0;
    const differs = (at: number) => piece.compare(then, at, at + PAGE, at, at + PAGE) !== 0;
    let changed = 0;
    for (let at = 0; at < piece.length; ) {
      let end = at;
      while (end < piece.length && differs(end)) end += PAGE;
      if (end > at) writeWhole(this.#fd, piece.subarray(at, end), offset + at);
      changed += end - at;
      at = end + PAGE; // the page at `end` is the same
    }
    return changed;
  }
}

function readWhole(fd: number, target: Uint8Array, offset: number): void {
  for (let done = 0; done < target.length; ) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) throw new Error("The file that takes the extract was cut off.");
    done += count;
  }
}

function writeWhole(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
