import { type Gva, gva } from "@casemate/core";
import { attach } from "../src/kernel/attach.ts";
import type { KernelReader } from "../src/kernel/kernel-reader.ts";
import { type BuiltGuest, buildGuest } from "./guest-builder.ts";

/** Free RAM of a built guest, where no structure of the kernel is. */
const START = 2 * 1024 * 1024 + 64 * 1024;
const END = 3 * 1024 * 1024;

/** A place to build a guest's structures in, word by word, with a reader for them. */
export class Heap {
  readonly guest: BuiltGuest = buildGuest();
  readonly #grant = attach(this.guest.memory).grant("kernelMetadata");
  #free = START;

  /** Takes `size` bytes of zeros, on a boundary of 256. */
  take(size: number): Gva {
    const at = this.#free;
    this.#free += Math.ceil(size / 256) * 256;
    if (this.#free > END) throw new Error("the heap is full");
    return gva(this.guest.directBase + BigInt(at));
  }

  write(at: Gva, offset: number, value: bigint): void {
    const { view } = this.guest.memory;
    view.setBigUint64(this.#place(at) + offset, BigInt.asUintN(64, value), true);
  }

  writeByte(at: Gva, offset: number, value: number): void {
    this.guest.memory.view.setUint8(this.#place(at) + offset, value);
  }

  /** Where a variable of the kernel is, as its image is in RAM. */
  symbol(name: string): Gva {
    const { directBase, textBase, physicalBase } = this.guest;
    const at = this.look((kernel) => kernel.symbol(name));
    return gva(directBase + (at - textBase) + BigInt(physicalBase));
  }

  /** Gives back all that was taken, as zeros. */
  clear(): void {
    this.guest.memory.bytes.fill(0, START, this.#free);
    this.#free = START;
  }

  look<Value>(read: (kernel: KernelReader) => Value): Value {
    return this.#grant.look(({ kernel }) => read(kernel), { steps: 100_000 }).value;
  }

  #place(at: Gva): number {
    return Number(at - this.guest.directBase);
  }
}
