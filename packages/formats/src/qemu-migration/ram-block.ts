import { damaged } from "./migration-error.ts";

const PAGE = 4096;

/** Where a page of a RAM block is in the stream: at byte `offset`, or nowhere, all of it being `fill`. */
export type PagePlace =
  | { readonly kind: "stored"; readonly offset: number }
  | { readonly kind: "filled"; readonly fill: number };

/**
 * One RAM block of a migration stream: QEMU's name for a run of memory, and where its pages are.
 *
 * Costs 8 bytes a page: 2 MiB for each GiB of RAM.
 */
export class RamBlock {
  /** QEMU's `idstr`: `pc.ram`, `0000:00:02.0/vga.vram`. */
  readonly name: string;
  /** Bytes. */
  readonly length: number;
  /** By page: 0 for never sent, an offset in the file, or minus one minus the byte that fills it. */
  readonly #places: Float64Array;

  constructor(name: string, length: number) {
    this.name = name;
    this.length = length;
    this.#places = new Float64Array(length / PAGE);
  }

  /** Notes that a page is stored at byte `position` of the file; what was sent before is void. */
  store(offset: number, position: number): void {
    this.#places[this.#page(offset)] = position;
  }

  /** Notes that a page is filled with one byte. */
  fill(offset: number, byte: number): void {
    this.#places[this.#page(offset)] = -1 - byte;
  }

  /** The page at byte `offset`, whole pages. One that was never sent is zeros, as it is to QEMU. */
  placeOf(offset: number): PagePlace {
    const place = this.#places[offset / PAGE] ?? 0;
    if (place > 0) return { kind: "stored", offset: place };
    return { kind: "filled", fill: place === 0 ? 0 : -1 - place };
  }

  #page(offset: number): number {
    if (offset < this.length) return offset / PAGE;
    throw damaged(`a page at byte ${offset} of ${this.name}`, `less than ${this.length}`);
  }
}
