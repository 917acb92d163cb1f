import { type Gva, gva } from "@casemate/core";
import type { Budget } from "../budget.ts";
import { decodeText } from "../decode-text.ts";
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
const TLB_ENTRIES = 1024;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const KERNEL_HALF = 1n << 63n;
/** What one read of bytes may ask for. */
const MAX_BYTES = 16 * 1024 * 1024;
/** So many numbers that are read, or bytes that are copied, cost as much as one step of a walk. */
const READS_PER_STEP = 128;
/** How many are paid for at once. */
const PAYMENT = 32 * READS_PER_STEP;

/**
 * Little-endian reads of kernel-virtual memory.
 *
 * Three ways, fastest first: the direct map, the kernel image (both linear and verified against the page
 * tables when the kernel was found), and page tables with a small TLB for vmalloc, modules and vmemmap.
 * Each read takes an address and a byte offset into what is there, so that a member's offset needs no
 * big integer. Throws `MemoryFault`.
 *
 * Reads pay for themselves from the budget of the look at hand, so that no loop is without end and no look
 * takes in more than it may, whatever counts the guest makes up; `inspect/budget` is thrown here too.
 *
 * HOSTILE: addresses come out of guest memory. User addresses are refused.
 */
export class KernelMemory {
  readonly #physical: PhysicalReader;
  readonly #pageTables: PageTables;
  readonly #directBase: bigint;
  readonly #directSize: bigint;
  readonly #imageBase: bigint;
  readonly #imageSize: bigint;
  readonly #imagePhysical: number;
  /** Page numbers; a BigUint64Array is compared with a bigint without making one. */
  readonly #tlbPages = new BigUint64Array(TLB_ENTRIES).fill(NO_PAGE);
  readonly #tlbFrames = new Float64Array(TLB_ENTRIES);
  #budget: Budget | undefined;
  #unpaid = 0;

  constructor(
    physical: PhysicalReader,
    pageTables: PageTables,
    directMap: LinearMap,
    image: LinearMap,
  ) {
    this.#physical = physical;
    this.#pageTables = pageTables;
    this.#directBase = directMap.base;
    this.#directSize = directMap.size;
    this.#imageBase = image.base;
    this.#imageSize = image.size;
    this.#imagePhysical = image.physical;
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

  pointer(at: Gva, offset = 0): Gva {
    return this.u64(at, offset) as Gva; // what a kernel pointer holds is a guest-virtual address
  }

  /** `length` bytes, copied. */
  bytes(at: Gva, length: number): Uint8Array<ArrayBuffer> {
    if (!(length >= 0 && length <= MAX_BYTES)) {
      throw new MemoryFault(at, `a length of ${length} bytes`, `at most ${MAX_BYTES}`);
    }
    this.#unpaid += length;
    if (this.#unpaid >= PAYMENT) this.#pay();
    const copy = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const address = gva(at + BigInt(done));
      const count = Math.min(length - done, PAGE - Number(address & 0xfffn));
      const piece = this.#physical.peek(this.#locate(address, 0, 1), count);
      copy.set(piece, done);
      done += piece.length;
    }
    return copy;
  }

  /** A NUL-terminated string of at most `limit` bytes. */
  string(at: Gva, limit = PAGE): string {
    const pieces: Uint8Array[] = [];
    for (let done = 0; done < limit; ) {
      const address = gva(at + BigInt(done));
      const count = Math.min(limit - done, 256, PAGE - Number(address & 0xfffn));
      this.#unpaid += count;
      const piece = this.#physical.copy(this.#locate(address, 0, 1), count);
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
    this.#tlbPages.fill(NO_PAGE);
    this.#physical.refresh();
  }

  /** Where `length` bytes at `at + offset` lie, or -1 where they go on in another page. */
  #locate(at: bigint, offset: number, length: number): number {
    this.#unpaid += 1;
    if (this.#unpaid >= PAYMENT) this.#pay();
    const direct = BigInt.asUintN(64, at - this.#directBase);
    if (direct < this.#directSize) return Number(direct) + offset;
    const image = BigInt.asUintN(64, at - this.#imageBase);
    if (image < this.#imageSize) return Number(image) + offset + this.#imagePhysical;
    return this.#lookUp(BigInt.asUintN(64, at + BigInt(offset)), length);
  }

  #pay(): void {
    const steps = Math.floor(this.#unpaid / READS_PER_STEP);
    this.#unpaid -= steps * READS_PER_STEP;
    this.#budget?.step(steps);
  }

  #lookUp(address: bigint, length: number): number {
    // asUintN keeps V8 in machine words: without it each step makes a big integer.
    const low = Number(BigInt.asUintN(32, address));
    const inPage = low & (PAGE - 1);
    if (inPage + length > PAGE) return -1;
    const page = BigInt.asUintN(64, address >> 12n);
    const slot = (low >>> 12) & (TLB_ENTRIES - 1);
    if (this.#tlbPages[slot] === page) return (this.#tlbFrames[slot] ?? 0) + inPage;
    return this.#walk(gva(address), page, slot) + inPage;
  }

  #walk(address: Gva, page: bigint, slot: number): number {
    if (address < KERNEL_HALF) {
      throw new MemoryFault(
        address,
        address < 0x1_0000n ? "a null pointer" : "a user address",
        "a kernel address",
      );
    }
    if (!this.#pageTables.isCanonical(address)) {
      throw new MemoryFault(address, "a number that is no address", "a canonical address");
    }
    const found = this.#pageTables.translate(address);
    if (found === UNMAPPED) throw new MemoryFault(address, "no page is mapped", "a mapped page");
    const frame = found - (found % PAGE);
    this.#tlbPages[slot] = page;
    this.#tlbFrames[slot] = frame;
    return frame;
  }

  #gather(at: Gva, offset: number, length: number): DataView {
    const bytes = new DataView(new ArrayBuffer(length));
    for (let i = 0; i < length; i += 1) bytes.setUint8(i, this.u8(at, offset + i));
    return bytes;
  }
}
