import { formatBytes, MiB } from "@casemate/core";
import { damaged, unsupported } from "./migration-error.ts";
import { RamBlock } from "./ram-block.ts";
import type { StreamCursor } from "./stream-cursor.ts";

const PAGE = 4096;
const FLAGS = PAGE - 1;

/** QEMU 7.2, migration/ram.c: flags in the low bits of a page's offset. */
const RAM_SAVE_FLAG_ZERO = 0x02;
const RAM_SAVE_FLAG_MEM_SIZE = 0x04;
const RAM_SAVE_FLAG_PAGE = 0x08;
const RAM_SAVE_FLAG_EOS = 0x10;
const RAM_SAVE_FLAG_CONTINUE = 0x20;

/** Flags of streams that are made in ways not read here, and what switches those off. */
const REFUSED: readonly (readonly [flag: number, what: string, next: string])[] = [
  [0x40, "pages sent as differences", "Save the VM with the capability xbzrle off."],
  [0x80, "RAM sent by RDMA", "Migrate to a file by `exec:` instead."],
  [0x100, "compressed pages", "Save the VM with the capability compress off."],
  [0x200, "RAM sent by several channels", "Save the VM with the capability multifd off."],
];

/** Names are unique and short; machines have a dozen blocks, and one more for each device with memory. */
const MAX_BLOCKS = 1024;
/** RAM that may be indexed without the file being as large as a whole save of it is (8 of 9 bytes a page). */
const MIN_INDEX_BYTES = 64 * MiB;

/** What the parts of the section `ram` read so far have told. */
export interface RamSoFar {
  readonly blocks: Map<string, RamBlock>;
  /** Of the page before, which the next page may go on with, in another part too. */
  last: RamBlock | undefined;
}

/**
 * Reads one part of the section `ram`, up to its end mark: the list of blocks (`ram_save_setup`), or
 * pages (`ram_save_host_page`), and notes them in `ram`.
 */
export function readRamSection(cursor: StreamCursor, ram: RamSoFar, fileSize: number): void {
  for (;;) {
    const high = cursor.u32("a page's address");
    const low = cursor.u32("a page's address");
    const flags = low & FLAGS;
    const offset = high * 2 ** 32 + (low - flags);
    switch (flags & ~RAM_SAVE_FLAG_CONTINUE) {
      case RAM_SAVE_FLAG_EOS:
        return;
      case RAM_SAVE_FLAG_MEM_SIZE:
        readBlocks(cursor, offset, ram.blocks, fileSize);
        break;
      case RAM_SAVE_FLAG_ZERO:
        ram.last = readBlock(cursor, flags, ram);
        ram.last.fill(offset, cursor.u8("a filled page"));
        break;
      case RAM_SAVE_FLAG_PAGE:
        ram.last = readBlock(cursor, flags, ram);
        ram.last.store(offset, cursor.position);
        cursor.skip(PAGE, "a page");
        break;
      default: {
        const [, what, next] = REFUSED.find(([flag]) => (flags & flag) !== 0) ?? [];
        if (what === undefined || next === undefined) {
          throw damaged(`page flags 0x${flags.toString(16)}`, "one kind of page");
        }
        throw unsupported(what, next);
      }
    }
  }
}

function readBlocks(
  cursor: StreamCursor,
  total: number,
  blocks: Map<string, RamBlock>,
  fileSize: number,
): void {
  if (blocks.size > 0) throw damaged("a second list of RAM blocks", "one");
  // A whole save takes 9 bytes and more for each page; only one with ballooned pages left out takes less.
  if ((total / PAGE) * 8 > MIN_INDEX_BYTES + fileSize) {
    throw damaged(
      `${formatBytes(total)} of RAM in a file of ${formatBytes(fileSize)}`,
      "less RAM or more file",
    );
  }
  for (let left = total; left > 0; ) {
    const name = cursor.counted("a RAM block's name");
    const length =
      cursor.u32("a RAM block's length") * 2 ** 32 + cursor.u32("a RAM block's length");
    if (length > left || length % PAGE !== 0) {
      throw damaged(`a RAM block of ${length} bytes`, `whole pages of the ${left} bytes left`);
    }
    if (blocks.has(name) || blocks.size >= MAX_BLOCKS) {
      throw damaged(`RAM block \`${name}\` as number ${blocks.size + 1}`, "few, with unlike names");
    }
    blocks.set(name, new RamBlock(name, length));
    left -= length;
  }
}

function readBlock(cursor: StreamCursor, flags: number, ram: RamSoFar): RamBlock {
  if ((flags & RAM_SAVE_FLAG_CONTINUE) !== 0) {
    if (ram.last !== undefined) return ram.last;
    throw damaged("a page that goes on with no block", "one that names its block");
  }
  const name = cursor.counted("a page's RAM block");
  const block = ram.blocks.get(name);
  if (block !== undefined) return block;
  throw damaged(`a page of RAM block \`${name}\``, "a block of the list");
}
