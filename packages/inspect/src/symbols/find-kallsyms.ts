import type { Budget } from "../budget.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { type KallsymsBlob, parseKallsyms } from "./parse-kallsyms.ts";

const PAGE = 4096;
const CHUNK = 1024 * 1024;
/** How far before the BTF the tables may be: 3.3 MB in the kernels of today. */
const REACH = 64 * CHUNK;
/** How far the tables reach to both sides of the token table. */
const AROUND = 8 * CHUNK;

/** The tokens of the ten digits, which every kernel's token table has: scripts/kallsyms.c keeps single characters. */
const DIGITS = Buffer.from("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00", "latin1");

/**
 * The kallsyms tables nearest before `btf`, the guest-physical address of the kernel's BTF: both are
 * read-only data of the same image, and the linker puts BTF after them. `undefined` where there are none.
 */
export function findKallsyms(
  physical: PhysicalReader,
  btf: number,
  budget: Budget,
): KallsymsBlob | undefined {
  const range = physical.memory.ranges.find((it) => btf >= it.start && btf < it.end);
  if (range === undefined) return undefined;
  for (let end = btf; end > range.start && end > btf - REACH; end -= CHUNK) {
    budget.step();
    const start = Math.max(range.start, end - CHUNK);
    const length = Math.min(end - start + DIGITS.length, range.end - start);
    const chunk = asBuffer(physical.piece(start, length));
    for (let at = chunk.indexOf(DIGITS); at >= 0; at = chunk.indexOf(DIGITS, at + 1)) {
      // On a page, so that the boundaries of the tables are boundaries in the copy too.
      const low = Math.max(range.start, Math.floor((start + at) / PAGE) * PAGE - AROUND);
      const high = Math.min(range.end, start + at + AROUND);
      const blob = parseKallsyms(physical.piece(low, high - low), start + at - low, low);
      if (blob !== undefined) return blob;
    }
  }
  return undefined;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
