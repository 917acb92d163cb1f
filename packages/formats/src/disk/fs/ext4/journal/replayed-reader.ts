import { crc32c } from "../../../../crc32c.ts";
import type { BlockReader } from "../../../block-reader.ts";
import { readBytes, verifyWithin } from "../../../read-bytes.ts";
import { isTracing } from "../../../trace/trace-reads.ts";
import { damaged } from "../ext4-error.ts";
import { JOURNAL_MAGIC, type JournalSuperblock } from "./journal-superblock.ts";
import type { LoggedBlock } from "./logged-block.ts";

/** A volume as it is once the blocks that its journal has are in their places; nothing is written. */
export class ReplayedReader implements BlockReader {
  readonly size: number;
  readonly #volume: BlockReader;
  readonly #journal: BlockReader;
  readonly #shape: JournalSuperblock;
  readonly #logged: ReadonlyMap<number, LoggedBlock>;

  /** @param logged by the block's number in the volume. */
  constructor(
    volume: BlockReader,
    journal: BlockReader,
    shape: JournalSuperblock,
    logged: ReadonlyMap<number, LoggedBlock>,
  ) {
    this.size = volume.size;
    this.#volume = volume;
    this.#journal = journal;
    this.#shape = shape;
    this.#logged = logged;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, "a volume");
    const { blockSize } = this.#shape;
    const end = offset + target.length;
    // What lies between two logged blocks is read at once.
    let plain = offset;
    for (let block = Math.floor(offset / blockSize); block * blockSize < end; block += 1) {
      const logged = this.#logged.get(block);
      if (logged === undefined) continue;
      const start = Math.max(offset, block * blockSize);
      const stop = Math.min(end, (block + 1) * blockSize);
      this.#readPlain(plain, target.subarray(plain - offset, start - offset));
      if (isTracing()) this.#readPlain(start, target.subarray(start - offset, stop - offset));
      const inBlock = start - block * blockSize;
      const part = this.#contents(logged).subarray(inBlock, inBlock + stop - start);
      target.set(part, start - offset);
      plain = stop;
    }
    this.#readPlain(plain, target.subarray(plain - offset));
  }

  #readPlain(offset: number, target: Uint8Array): void {
    if (target.length > 0) this.#volume.read(offset, target);
  }

  /** The checksum is of what is in the log, before it is put right. */
  #contents({ at, block, sequence, checksum, isEscaped }: LoggedBlock): Buffer {
    const { blockSize, checksumSeed, checksum: version } = this.#shape;
    const what = `block ${block} in the journal`;
    const bytes = readBytes(this.#journal, at * blockSize, blockSize, what);
    if (version === "v2" || version === "v3") {
      const number = Buffer.alloc(4);
      number.writeUInt32BE(sequence);
      const whole = crc32c(crc32c(checksumSeed, number), bytes);
      const seen = version === "v3" ? whole : whole & 0xffff;
      if (seen !== checksum) {
        throw damaged(what, `checksum 0x${seen.toString(16)}`, `0x${checksum.toString(16)}`);
      }
    }
    if (isEscaped) bytes.writeUInt32BE(JOURNAL_MAGIC, 0);
    return bytes;
  }
}
