import type { Gva } from "@casemate/core";
import { MemoryFault } from "../memory/memory-fault.ts";

/**
 * Notices a walk that goes in circles, with two words of memory: Brent's algorithm (BIT 20, 1980).
 *
 * HOSTILE: a list that never comes back to its head is the oldest trick there is.
 */
export class CircleFinder {
  #mark: Gva | undefined;
  #steps = 0;
  #limit = 1;

  /** Throws `kernel/damaged` when `node` was seen before, within a few turns of the circle. */
  visit(node: Gva): void {
    if (node === this.#mark) {
      throw new MemoryFault(node, "a list that goes in circles", "one that ends");
    }
    this.#steps += 1;
    if (this.#steps === this.#limit) {
      this.#mark = node;
      this.#steps = 0;
      this.#limit *= 2;
    }
  }
}
