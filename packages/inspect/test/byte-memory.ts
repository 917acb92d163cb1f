import { gpa, type MemoryRange, type PhysicalMemory } from "@casemate/core";

export interface ByteMemoryOptions {
  readonly windowShift?: number;
  readonly live?: boolean;
  /** All of it by default. */
  readonly ranges?: readonly (readonly [start: number, end: number])[];
}

/** Guest memory made of bytes at hand: what tests build and change. */
export class ByteMemory implements PhysicalMemory {
  readonly description = "synthetic memory";
  readonly ranges: readonly MemoryRange[];
  readonly windowShift: number;
  readonly live: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>, options: ByteMemoryOptions = {}) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.windowShift = options.windowShift ?? 30;
    this.live = options.live ?? false;
    this.ranges = (options.ranges ?? [[0, bytes.length]]).map(([start, end]) => ({
      start: gpa(start),
      end: gpa(end),
    }));
  }

  window(index: number): DataView | undefined {
    const size = 2 ** this.windowShift;
    const start = index * size;
    const end = Math.min(start + size, this.bytes.length);
    const hasRam = this.ranges.some((range) => range.start < end && range.end > start);
    if (!hasRam || start >= end) return undefined;
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + start, end - start);
  }

  populated(): Iterable<MemoryRange> {
    return this.ranges;
  }

  refresh(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
