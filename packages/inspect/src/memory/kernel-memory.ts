import { type Gva, gpa, gva, type MemoryRange } from "@casemate/core";
import type { Budget } from "../budget.ts";
import { decodeText } from "../decode-text.ts";
import { highHalf, lowHalf, splitHalves, toNumber } from "../to-number.ts";
import { MemoryFault } from "./memory-fault.ts";
import { type PageTables, UNMAPPED } from "./page-tables.ts";
import type { PhysicalReader } from "./physical-reader.ts";

/** A run of kernel addresses that is mapped to one run of physical ones. */
export interface LinearMap {
  readonly base: Gva;
  /** In bytes. */
  readonly size: bigint;
  readonly physical: number;
}

const PAGE = 4096;
const PAGE_SHIFT = 12;
/** How many pages are remembered, each in its slot: 32 MiB of them. */
const TLB_ENTRIES = 8192;
/** How far high halves are shifted to spread runs of memory over the slots. */
const SPREAD = 5;
/** No page has this number: there are 2^20 in 4 GiB. */
const NO_PAGE = 0xffff_ffff;
/** Where kernel addresses begin, in the high half of one. */
const KERNEL_HALF = 2 ** 31;
/** What one read of bytes may ask for. */
const MAX_BYTES = 16 * 1024 * 1024;
/** So many numbers that are read, or bytes that are copied, cost as much as one step of a walk. */
const READS_PER_STEP = 128;
/** How many are paid for at once. */
const PAYMENT = 32 * READS_PER_STEP;

/**
 * Little-endian reads of kernel-virtual memory.
 *
 * Where a page is, is found in one of three ways and remembered for the look at hand, as processors do (TLB):
 * the direct map, the kernel image (both linear and verified against the page tables when the kernel was
 * found), and page tables for vmalloc, modules and vmemmap. Each read takes an address and a byte offset
 * into what is there, so that a member's offset needs no big integer. Throws `MemoryFault`.
 *
 * Reads pay for themselves from the budget of the look at hand, so that no loop is without end and no look
 * takes in more than it may, whatever counts the guest makes up; `inspect/budget` is thrown here too.
 *
 * Pages that are not the kernel's own are refused by whatever address they are asked for: all of RAM is in
 * the direct map, processes' memory and files among it.
 *
 * HOSTILE: addresses come out of guest memory. User addresses are refused.
 */
export class KernelMemory {
  readonly #physical: PhysicalReader;
  readonly #pageTables: PageTables;
  readonly #directLow: number;
  readonly #directHigh: number;
  readonly #directSize: number;
  readonly #imageLow: number;
  readonly #imageHigh: number;
  readonly #imageSize: number;
  readonly #imagePhysical: number;
  readonly #refuse: (frame: number) => string | undefined;
  /** Of the page in each slot the high half of its address, and the number of the page in its 4 GiB. */
  readonly #tags = new Uint32Array(2 * TLB_ENTRIES).fill(NO_PAGE);
  /** Where each of these pages is in guest-physical memory; all of them may be read. */
  readonly #frames = new Float64Array(TLB_ENTRIES);
  #budget: Budget | undefined;
  #unpaid = 0;

  /** @param refuse says of a page, by its number, what else than the kernel's data it is. */
  constructor(
    physical: PhysicalReader,
    pageTables: PageTables,
    directMap: LinearMap,
    image: LinearMap,
    refuse: (frame: number) => string | undefined = () => undefined,
  ) {
    this.#physical = physical;
    this.#pageTables = pageTables;
    this.#directLow = lowHalf(directMap.base);
    this.#directHigh = highHalf(directMap.base);
    this.#directSize = Number(directMap.size);
    this.#imageLow = lowHalf(image.base);
    this.#imageHigh = highHalf(image.base);
    this.#imageSize = Number(image.size);
    this.#imagePhysical = image.physical;
    this.#refuse = refuse;
  }

  /** Where the guest has RAM, by guest-physical address. */
  get ranges(): readonly MemoryRange[] {
    return this.#physical.memory.ranges;
  }

  u8(at: Gva, offset = 0): number {
    return this.#physical.u8(this.#locate(at, offset, 1));
  }

  u16(at: Gva, offset = 0): number {
    const found = this.#locate(at, offset, 2);
    return found >= 0 ? this.#physical.u16(found) : this.#gather(at, offset, 2).getUint16(0, true);
  }

  u32(at: Gva, offset = 0): number {
    const found = this.#locate(at, offset, 4);
    return found >= 0 ? this.#physical.u32(found) : this.#gather(at, offset, 4).getUint32(0, true);
  }

  u64(at: Gva, offset = 0): bigint {
    const found = this.#locate(at, offset, 8);
    return found >= 0
      ? this.#physical.u64(found)
      : this.#gather(at, offset, 8).getBigUint64(0, true);
  }

  /** Whether `u64(at, offset)` is `value`; makes no big integer to tell. */
  holds(at: Gva, offset: number, value: bigint): boolean {
    const found = this.#locate(at, offset, 8);
    if (found < 0) return this.u64(at, offset) === value;
    return (
      this.#physical.u32(found) === lowHalf(value) &&
      this.#physical.u32(found + 4) === highHalf(value)
    );
  }

  pointer(at: Gva, offset = 0): Gva {
    return this.u64(at, offset) as Gva; // what a kernel pointer holds is a guest-virtual address
  }

  /** `length` bytes, copied. */
  bytes(at: Gva, length: number): Uint8Array<ArrayBuffer> {
    if (!(length >= 0 && length <= MAX_BYTES)) {
      throw new MemoryFault(at, `a length of ${length} bytes`, `at most ${MAX_BYTES}`);
    }
    const copy = new Uint8Array(length);
    this.copyInto(copy, at);
    return copy;
  }

  /** Fills `target` with the bytes from `at` on. */
  copyInto(target: Uint8Array, at: Gva): void {
    const { length } = target;
    this.#unpaid += length;
    if (this.#unpaid >= PAYMENT) this.#pay();
    // Pages that follow each other in RAM are copied as one.
    let from = 0;
    let start = 0;
    for (let done = 0; done < length; ) {
      const found = this.#locate(at, done, 1);
      if (found !== start + (done - from)) {
        if (done > from) this.#physical.copyInto(target.subarray(from, done), start);
        from = done;
        start = found;
      }
      done += PAGE - (found % PAGE);
    }
    this.#physical.copyInto(from === 0 ? target : target.subarray(from), start);
  }

  /** A NUL-terminated string of at most `limit` bytes. */
  string(at: Gva, limit = PAGE): string {
    const pieces: Uint8Array[] = [];
    for (let done = 0; done < limit; ) {
      const found = this.#locate(at, done, 1);
      const count = Math.min(limit - done, 256, PAGE - (found % PAGE));
      this.#unpaid += count;
      const piece = this.#physical.copy(found, count);
      pieces.push(piece);
      if (piece.includes(0)) break;
      done += count;
    }
    const [only] = pieces;
    return decodeText(pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces));
  }

  /** The guest-physical address of `at`. */
  translate(at: Gva): number {
    return this.#locate(at, 0, 1);
  }

  /** Starts a look, which pays from `budget`. */
  begin(budget: Budget): void {
    this.#budget = budget;
    this.#unpaid = 0;
    this.refresh();
  }

  /** Forgets translations, so that later reads see the page tables as they are then. */
  refresh(): void {
    this.#tags.fill(NO_PAGE);
    this.#pageTables.refresh();
    this.#physical.refresh();
  }

  /** Where `length` bytes at `at + offset` lie, or -1 where they go on in another page. */
  #locate(at: bigint, offset: number, length: number): number {
    this.#unpaid += 1;
    if (this.#unpaid >= PAYMENT) this.#pay();
    // In numbers: a big integer made here for each read would take most of the time.
    const halves = splitHalves(at);
    const sum = (halves[0] ?? 0) + offset;
    const high = halves[1] ?? 0;
    const low = sum >>> 0;
    if (low !== sum) return this.#locate(gva(at + BigInt(offset)), 0, length);
    const inPage = low & (PAGE - 1);
    if (inPage + length > PAGE) return -1;
    const page = low >>> PAGE_SHIFT;
    const slot = (page ^ (high << SPREAD)) & (TLB_ENTRIES - 1);
    if (this.#tags[2 * slot] !== high || this.#tags[2 * slot + 1] !== page) {
      this.#fill(slot, high, low);
    }
    return (this.#frames[slot] ?? 0) + inPage;
  }

  /** Puts the page of an address of two halves in its slot, if it is mapped and the kernel's own. */
  #fill(slot: number, high: number, low: number): void {
    const frame = this.#find(high, low) - (low & (PAGE - 1));
    const other = this.#refuse(frame / PAGE);
    if (other !== undefined) throw new MemoryFault(gpa(frame), other, "the kernel's own data");
    this.#tags[2 * slot] = high;
    this.#tags[2 * slot + 1] = low >>> PAGE_SHIFT;
    this.#frames[slot] = frame;
  }

  /** The guest-physical address of what is at an address of two halves. */
  #find(high: number, low: number): number {
    const direct = (high - this.#directHigh) * 2 ** 32 + (low - this.#directLow);
    if (direct >= 0 && direct < this.#directSize) return direct;
    const image = (high - this.#imageHigh) * 2 ** 32 + (low - this.#imageLow);
    if (image >= 0 && image < this.#imageSize) return image + this.#imagePhysical;
    return this.#walk(gva((BigInt(high) << 32n) | BigInt(low)));
  }

  #pay(): void {
    const steps = Math.floor(this.#unpaid / READS_PER_STEP);
    this.#unpaid -= steps * READS_PER_STEP;
    this.#budget?.step(steps);
  }

  #walk(address: Gva): number {
    if (highHalf(address) < KERNEL_HALF) {
      throw new MemoryFault(
        address,
        toNumber(address) < 0x1_0000 ? "a null pointer" : "a user address",
        "a kernel address",
      );
    }
    if (!this.#pageTables.isCanonical(address)) {
      throw new MemoryFault(address, "a number that is no address", "a canonical address");
    }
    const found = this.#pageTables.translate(address);
    if (found === UNMAPPED) throw new MemoryFault(address, "no page is mapped", "a mapped page");
    return found;
  }

  #gather(at: Gva, offset: number, length: number): DataView {
    const bytes = new DataView(new ArrayBuffer(length));
    for (let i = 0; i < length; i += 1) bytes.setUint8(i, this.u8(at, offset + i));
    return bytes;
  }
}
