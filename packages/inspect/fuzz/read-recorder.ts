import type { MemoryRange, PhysicalMemory } from "@casemate/core";

/** A read of one number out of memory. */
export interface Field {
  /** Guest-physical. */
  readonly at: number;
  /** In bytes. */
  readonly size: number;
}

/** What somebody read: numbers one by one, in the order of the first read, and pages that were copied. */
export interface Reads {
  readonly fields: readonly Field[];
  readonly pages: readonly number[];
}

const SHIFT = 12;
const PAGE = 2 ** SHIFT;

/** Notes what is read of a memory: where nobody reads, a mutation teaches nothing. */
export class ReadRecorder implements PhysicalMemory {
  readonly description: string;
  readonly ranges: readonly MemoryRange[];
  readonly windowShift = SHIFT;
  readonly live = false;
  readonly #page: (index: number) => DataView | undefined;
  #fields = new Map<number, Field>();
  #pages = new Set<number>();

  constructor(base: PhysicalMemory, page: (index: number) => DataView | undefined) {
    this.description = base.description;
    this.ranges = base.ranges;
    this.#page = page;
  }

  window(index: number): DataView | undefined {
    const view = this.#page(index);
    if (view === undefined) return undefined;
    return new RecordedView(
      view,
      (offset, size) => {
        const at = index * PAGE + offset;
        const key = at * 16 + size;
        if (!this.#fields.has(key)) this.#fields.set(key, { at, size });
      },
      () => this.#pages.add(index),
    );
  }

  /** What was read since the last call. */
  take(): Reads {
    const reads = { fields: [...this.#fields.values()], pages: [...this.#pages] };
    this.#fields = new Map();
    this.#pages = new Set();
    return reads;
  }

  populated(): Iterable<MemoryRange> {
    return this.ranges;
  }

  refresh(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A view that tells of its reads; whoever asks for the bytes beneath it copies them. */
class RecordedView extends DataView<ArrayBufferLike> {
  readonly #read: (offset: number, size: number) => void;
  readonly #copied: () => void;

  constructor(view: DataView, read: (offset: number, size: number) => void, copied: () => void) {
    super(view.buffer, view.byteOffset, view.byteLength);
    this.#read = read;
    this.#copied = copied;
  }

  override get byteOffset(): number {
    this.#copied();
    return super.byteOffset;
  }

  override getUint8(offset: number): number {
    this.#read(offset, 1);
    return super.getUint8(offset);
  }

  override getUint16(offset: number, littleEndian?: boolean): number {
    this.#read(offset, 2);
    return super.getUint16(offset, littleEndian);
  }

  override getUint32(offset: number, littleEndian?: boolean): number {
    this.#read(offset, 4);
    return super.getUint32(offset, littleEndian);
  }

  override getBigUint64(offset: number, littleEndian?: boolean): bigint {
    this.#read(offset, 8);
    return super.getBigUint64(offset, littleEndian);
  }
}
