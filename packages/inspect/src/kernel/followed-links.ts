import { type Gva, gva } from "@casemate/core";
import type { Budget } from "../budget.ts";
import type { KernelMemory } from "../memory/kernel-memory.ts";

/** Room for so many at first, and no more is kept from one look to the next. */
const USUAL = 8192;

/**
 * The pointers that a look followed, in arrays of numbers: thousands of big integers that live until the look
 * ends would cost more than reading them did.
 */
export class FollowedLinks {
  #places = new BigUint64Array(USUAL);
  #offsets = new Float64Array(USUAL);
  #values = new BigUint64Array(USUAL);
  #count = 0;

  /** Remembers that the pointer at `at + offset` held `value`. */
  add(at: Gva, offset: number, value: Gva): void {
    if (this.#count === this.#places.length) this.#resize(2 * this.#count);
    this.#places[this.#count] = at;
    this.#offsets[this.#count] = offset;
    this.#values[this.#count] = value;
    this.#count += 1;
  }

  clear(): void {
    this.#count = 0;
    if (this.#places.length > USUAL) this.#resize(USUAL);
  }

  /** Whether every one of them still holds what it held. */
  hold(memory: KernelMemory, budget: Budget): boolean {
    for (let i = 0; i < this.#count; i += 1) {
      budget.step();
      const place = gva(this.#places[i] ?? 0n);
      if (!memory.holds(place, this.#offsets[i] ?? 0, this.#values[i] ?? 0n)) return false;
    }
    return true;
  }

  #resize(length: number): void {
    const places = new BigUint64Array(length);
    const offsets = new Float64Array(length);
    const values = new BigUint64Array(length);
    places.set(this.#places.subarray(0, this.#count));
    offsets.set(this.#offsets.subarray(0, this.#count));
    values.set(this.#values.subarray(0, this.#count));
    this.#places = places;
    this.#offsets = offsets;
    this.#values = values;
  }
}
