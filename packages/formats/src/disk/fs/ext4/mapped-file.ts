import type { BlockReader } from "../../block-reader.ts";
import { verifyWithin } from "../../read-bytes.ts";
import type { FindRun } from "./block-run.ts";
import type { Ext4Volume } from "./ext4-volume.ts";

/** A file whose contents are in blocks, each run of them read at once. */
export class MappedFile implements BlockReader {
  readonly size: number;
  readonly #volume: Ext4Volume;
  readonly #findRun: FindRun;
  readonly #what: string;

  constructor(volume: Ext4Volume, size: number, findRun: FindRun, what: string) {
    this.size = size;
    this.#volume = volume;
    this.#findRun = findRun;
    this.#what = what;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, this.#what);
    const { blockSize } = this.#volume.superblock;
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const logical = Math.floor(at / blockSize);
      const inBlock = at - logical * blockSize;
      const { physical, count } = this.#findRun(logical);
      const part = target.subarray(done, done + count * blockSize - inBlock);
      if (physical === undefined) part.fill(0);
      else this.#volume.reader.read(physical * blockSize + inBlock, part);
      done += part.length;
    }
  }
}
