import type { BlockReader } from "../block-reader.ts";
import { verifyWithin } from "../read-bytes.ts";
import type { FindRun } from "./block-run.ts";

/** A file whose contents are in blocks of a volume, each run of them read at once. */
export class MappedFile implements BlockReader {
  readonly size: number;
  readonly #volume: BlockReader;
  readonly #blockSize: number;
  readonly #findRun: FindRun;
  readonly #what: string;

  /** @param size of the file, and of blocks, in bytes; @param what names the file in errors. */
  constructor(
    volume: BlockReader,
    { size, blockSize }: { readonly size: number; readonly blockSize: number },
    findRun: FindRun,
    what: string,
  ) {
    this.size = size;
    this.#volume = volume;
    this.#blockSize = blockSize;
    this.#findRun = findRun;
    this.#what = what;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, this.#what);
    const blockSize = this.#blockSize;
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const logical = Math.floor(at / blockSize);
      const inBlock = at - logical * blockSize;
      const { physical, count } = this.#findRun(logical);
      const length = count * blockSize - inBlock;
      // Mostly it is all in one run, and a view of all costs as much as to find it.
      const isWhole = done === 0 && length >= target.length;
      const part = isWhole ? target : target.subarray(done, done + length);
      if (physical === undefined) part.fill(0);
      else this.#volume.read(physical * blockSize + inBlock, part);
      done += part.length;
    }
  }
}
