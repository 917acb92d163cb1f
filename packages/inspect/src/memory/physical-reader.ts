import { type Gpa, gpa, type PhysicalMemory } from "@casemate/core";
import { MemoryFault } from "./memory-fault.ts";

const EMPTY: DataView = new DataView(new ArrayBuffer(0));

/**
 * Little-endian reads of guest-physical memory, fast where reads stay in one window.
 *
 * Addresses are plain numbers here: this is the innermost loop. Every read throws `MemoryFault` where
 * there is no RAM.
 *
 * HOSTILE: every byte and most addresses are controlled by the guest.
 */
export class PhysicalReader {
  readonly memory: PhysicalMemory;
  /** The first address after the highest RAM. */
  readonly end: number;
  readonly #windowSize: number;
  /** The range that was asked for last. */
  #rangeStart = 0;
  #rangeEnd = 0;
  #view: DataView = EMPTY;
  #start = 0;
  #length = 0;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.#windowSize = 2 ** memory.windowShift;
    this.end = memory.ranges.reduce((end, range) => Math.max(end, range.end), 0);
  }

  u8(at: number): number {
    const offset = at - this.#start;
    if (offset >= 0 && offset < this.#length) return this.#view.getUint8(offset);
    return this.#select(at, 1) ? this.#view.getUint8(at - this.#start) : 0;
  }

  u16(at: number): number {
    const offset = at - this.#start;
    if (offset >= 0 && offset + 2 <= this.#length) return this.#view.getUint16(offset, true);
    return this.#select(at, 2)
      ? this.#view.getUint16(at - this.#start, true)
      : this.#gather(at, 2).getUint16(0, true);
  }

  u32(at: number): number {
    const offset = at - this.#start;
    if (offset >= 0 && offset + 4 <= this.#length) return this.#view.getUint32(offset, true);
    return this.#select(at, 4)
      ? this.#view.getUint32(at - this.#start, true)
      : this.#gather(at, 4).getUint32(0, true);
  }

  u64(at: number): bigint {
    const offset = at - this.#start;
    if (offset >= 0 && offset + 8 <= this.#length) return this.#view.getBigUint64(offset, true);
    return this.#select(at, 8)
      ? this.#view.getBigUint64(at - this.#start, true)
      : this.#gather(at, 8).getBigUint64(0, true);
  }

  /** Whether `[at, at + length)` is RAM. */
  has(at: number, length: number): boolean {
    if (at >= this.#rangeStart && at + length <= this.#rangeEnd) return true;
    for (const { start, end } of this.memory.ranges) {
      if (!(at >= start && at + length <= end)) continue;
      this.#rangeStart = start;
      this.#rangeEnd = end;
      return true;
    }
    return false;
  }

  /** `length` bytes, copied: what is parsed must not change under the parser. */
  copy(at: number, length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length);
    this.copyInto(copy, at);
    return copy;
  }

  /** Fills `target` with the bytes from `at` on. */
  copyInto(target: Uint8Array, at: number): void {
    for (let done = 0; done < target.length; ) {
      const piece = this.peek(at + done, target.length - done);
      target.set(piece, done);
      done += piece.length;
    }
  }

  /** At least one and at most `length` bytes at `at`, not copied: they change when a live guest runs. */
  peek(at: number, length: number): Uint8Array {
    if (!(at - this.#start >= 0 && at - this.#start < this.#length)) this.#select(at, 1);
    const offset = at - this.#start;
    const count = Math.min(length, this.#length - offset);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + offset, count);
  }

  /**
   * All of `length` bytes at `at`: not copied where one window holds them, so they may change; else copied,
   * into `scratch` if that is large enough.
   */
  piece(at: number, length: number, scratch?: Uint8Array<ArrayBuffer>): Uint8Array {
    const piece = this.peek(at, length);
    if (piece.length === length) return piece;
    if (scratch === undefined || scratch.length < length) return this.copy(at, length);
    const copy = scratch.subarray(0, length);
    this.copyInto(copy, at);
    return copy;
  }

  /** Whether memory at `at` holds `bytes`. */
  equals(at: number, bytes: Uint8Array): boolean {
    if (!this.has(at, bytes.length)) return false;
    for (let done = 0; done < bytes.length; ) {
      const piece = this.peek(at + done, bytes.length - done);
      if (Buffer.compare(piece, bytes.subarray(done, done + piece.length)) !== 0) return false;
      done += piece.length;
    }
    return true;
  }

  /** Forgets the window at hand, so that a copying source is asked again. */
  refresh(): void {
    this.memory.refresh();
    this.#view = EMPTY;
    this.#start = 0;
    this.#length = 0;
  }

  /** Makes the window that holds `at` the current one; false where the read goes on in the next window. */
  #select(at: number, length: number): boolean {
    if (!(at >= 0 && at + length <= this.end)) throw this.#fault(at);
    const index = Math.floor(at / this.#windowSize);
    const view = this.memory.window(index);
    const start = index * this.#windowSize;
    if (view === undefined || at - start >= view.byteLength) throw this.#fault(at);
    this.#view = view;
    this.#start = start;
    this.#length = view.byteLength;
    if (at - start + length <= view.byteLength) return true;
    if (view.byteLength < this.#windowSize) throw this.#fault(at);
    return false;
  }

  #gather(at: number, length: number): DataView {
    const bytes = new DataView(new ArrayBuffer(length));
    for (let i = 0; i < length; i += 1) bytes.setUint8(i, this.u8(at + i));
    return bytes;
  }

  #fault(at: number): MemoryFault {
    const address: Gpa = gpa(at);
    return new MemoryFault(address, "the guest has no RAM there", "an address in RAM");
  }
}
