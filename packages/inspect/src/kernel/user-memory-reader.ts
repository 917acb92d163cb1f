import { type Gva, gva } from "@casemate/core";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { type UserPages, walkUserPages } from "../memory/walk-user-pages.ts";
import type { KernelReader } from "./kernel-reader.ts";

/** What processes hold in memory: the reader for user memory. */
export class UserMemoryReader {
  readonly #kernel: KernelReader;
  readonly #physical: PhysicalReader;

  constructor(kernel: KernelReader, physical: PhysicalReader) {
    this.#kernel = kernel;
    this.#physical = physical;
  }

  /** The address space of the `mm_struct` at `mm`. */
  open(mm: Gva): UserAddressSpace {
    const pgd = this.#kernel.struct("mm_struct").pointer("pgd")(mm);
    const root = this.#kernel.memory.translate(pgd);
    return new UserAddressSpace(this.#kernel, this.#physical, root);
  }
}

/** A run of a process's memory: its bytes, or why they are missing. */
export type MemoryPiece =
  | { readonly kind: "present"; readonly address: Gva; readonly bytes: Uint8Array }
  | Exclude<UserPages, { kind: "present" }>;

type PresentPages = Extract<UserPages, { kind: "present" }>;

const PAGE = 4096;
const USER_END = 1n << 56n;
/** How much of the present pages is copied into one piece. */
const PIECE = 1024 * 1024;

/** One process's memory, through its own page tables; 4 and 5 levels, pages of 4 KiB, 2 MiB and 1 GiB. */
class UserAddressSpace {
  readonly #kernel: KernelReader;
  readonly #physical: PhysicalReader;
  readonly #root: number;

  constructor(kernel: KernelReader, physical: PhysicalReader, root: number) {
    this.#kernel = kernel;
    this.#physical = physical;
    this.#root = root;
  }

  /** The bytes of `[at, at + length)` up to the first page that is not in RAM. */
  bytes(at: Gva, length: number): Uint8Array {
    const first = gva(at & ~0xfffn);
    const skipped = Number(at - first);
    const pieces: Uint8Array[] = [];
    for (const piece of this.walk(first, gva(at + BigInt(length)))) {
      if (piece.kind !== "present") break;
      pieces.push(piece.bytes);
    }
    return Buffer.concat(pieces).subarray(skipped, skipped + length);
  }

  /** All of `[start, end)`, rounded to whole pages: what is there in pieces of up to 1 MiB, and what is missing. */
  *walk(start: Gva, end: Gva): Generator<MemoryPiece> {
    let run: PresentPages[] = [];
    let runStart = start;
    let runLength = 0;
    for (const pages of this.pages(start, end)) {
      if (runLength > 0 && (pages.kind !== "present" || runLength >= PIECE)) {
        yield { kind: "present", address: runStart, bytes: this.#copy(run, runLength) };
        run = [];
        runLength = 0;
      }
      if (pages.kind !== "present") yield pages;
      else {
        if (runLength === 0) runStart = pages.address;
        run.push(pages);
        runLength += pages.length;
      }
    }
    if (runLength > 0) {
      yield { kind: "present", address: runStart, bytes: this.#copy(run, runLength) };
    }
  }

  /** One copy of all of `run`: a process's memory is large, and copies of copies would double it. */
  #copy(run: readonly PresentPages[], total: number): Uint8Array {
    const bytes = new Uint8Array(total);
    let at = 0;
    for (const { physical, length } of run) {
      this.#physical.copyInto(bytes.subarray(at, at + length), physical);
      at += length;
    }
    return bytes;
  }

  /**
   * As `walk`, but where the pages are in RAM instead of what they hold.
   *
   * HOSTILE: a VMA may claim to be anywhere; what is beyond the user's half is not there.
   */
  *pages(start: Gva, end: Gva): Generator<UserPages> {
    const { facts, budget } = this.#kernel;
    const last = end < USER_END ? gva(end + 0xfffn) : gva(USER_END);
    if (start >= last) return;
    for (const pages of walkUserPages(
      this.#physical,
      this.#root,
      facts.pagingLevels,
      start,
      last,
      budget,
    )) {
      // A huge page of a gigabyte must not become one copy of it.
      if (pages.kind !== "present" || pages.length <= PIECE) yield pages;
      else {
        for (let done = 0; done < pages.length; done += PIECE) {
          budget.step(PIECE / PAGE);
          const length = Math.min(PIECE, pages.length - done);
          const address = gva(pages.address + BigInt(done));
          yield { kind: "present", address, length, physical: pages.physical + done };
        }
      }
    }
  }
}

export type { UserAddressSpace };
