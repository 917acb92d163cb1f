import type { MemoryRange } from "@casemate/core";
import type { Budget } from "../budget.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { isTokenTable, type KallsymsBlob, parseKallsyms } from "./parse-kallsyms.ts";

const PAGE = 4096;
const CHUNK = 1024 * 1024;
/** How far before the BTF the tables may be: 3.3 MB in the kernels of today. */
const REACH = 64 * CHUNK;
/** How far the tables reach to both sides of the token table. */
const AROUND = 8 * CHUNK;
/** A token table and its index are far smaller. */
const AROUND_TOKENS = 128 * 1024;

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
  // HOSTILE: there may be many places that look like token tables; all are looked at in one buffer.
  let scratch: Uint8Array<ArrayBuffer> | undefined;
  for (let end = btf; end > range.start && end > btf - REACH; end -= CHUNK) {
    budget.step();
    const start = Math.max(range.start, end - CHUNK);
    const length = Math.min(end - start + DIGITS.length, range.end - start);
    const chunk = asBuffer(physical.piece(start, length));
    for (let at = chunk.indexOf(DIGITS); at >= 0; at = chunk.indexOf(DIGITS, at + 1)) {
      budget.step();
      const zero = start + at;
      const [near, inNear] = around(physical, range, zero, AROUND_TOKENS);
      if (!isTokenTable(near, inNear)) continue;
      scratch ??= new Uint8Array(2 * AROUND + PAGE);
      const [bytes, inBytes, base] = around(physical, range, zero, AROUND, scratch);
      const blob = parseKallsyms(bytes, inBytes, base, budget);
      if (blob !== undefined) return blob;
    }
  }
  return undefined;
}

/** Memory up to `reach` bytes to both sides of `at`, where `at` is in it, and where it begins. */
function around(
  physical: PhysicalReader,
  range: MemoryRange,
  at: number,
  reach: number,
  scratch?: Uint8Array<ArrayBuffer>,
): readonly [bytes: Uint8Array, at: number, base: number] {
  // From a page on, so that the boundaries of the tables are boundaries in a copy too.
  const low = Math.max(range.start, Math.floor(at / PAGE) * PAGE - reach);
  const high = Math.min(range.end, at + reach);
  return [physical.piece(low, high - low, scratch), at - low, low];
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
