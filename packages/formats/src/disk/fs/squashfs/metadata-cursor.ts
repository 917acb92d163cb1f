import type { BlockStore } from "./block-store.ts";
import { damaged } from "./squashfs-error.ts";

/** Reads through a table of metadata, from block to block. */
export class MetadataCursor {
  readonly #store: BlockStore;
  readonly #end: number;
  readonly #what: string;
  #block: number;
  #offset: number;

  /**
   * @param block where the block begins that it starts in; @param offset in it, once expanded;
   * @param end before which each block of the table begins; @param what names the table in errors.
   */
  constructor(
    store: BlockStore,
    place: { readonly block: number; readonly offset: number; readonly end: number },
    what: string,
  ) {
    this.#store = store;
    this.#block = place.block;
    this.#offset = place.offset;
    this.#end = place.end;
    this.#what = what;
  }

  /** The next `length` bytes, which the caller has bounded. Throws `disk/damaged` where the table ends. */
  take(length: number): Buffer {
    const taken = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      if (this.#block >= this.#end) {
        throw damaged(this.#what, `its end at byte ${this.#block}`, `${length - done} bytes more`);
      }
      const { bytes, next } = this.#store.metadata(this.#block);
      // HOSTILE: a reference may lead behind the end of a block.
      if (this.#offset > bytes.length) {
        throw damaged(this.#what, `byte ${this.#offset} of ${bytes.length}`, "one in its block");
      }
      const count = bytes.copy(taken, done, this.#offset);
      done += count;
      this.#offset += count;
      if (this.#offset < bytes.length) continue;
      // Each block begins behind the one before it: a walk ends where the table does.
      this.#offset -= bytes.length;
      this.#block = next;
    }
    return taken;
  }
}
