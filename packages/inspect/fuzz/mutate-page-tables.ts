import type { KernelFacts } from "../src/kernel/kernel-facts.ts";
import type { MutatedMemory } from "./mutated-memory.ts";
import type { Prng } from "./prng.ts";

const PAGE = 4096;
const ENTRIES = PAGE / 8;
const PRESENT = 0x01n;
/** `_PAGE_PSE`: the entry maps a large page. */
const LARGE = 0x80n;
const ADDRESS = 0x000f_ffff_ffff_f000n;
/** `_KERNPG_TABLE`: present, writable, accessed, dirty. */
const TABLE_FLAGS = 0x63n;

/**
 * Changes one entry of the kernel's page tables, at any level: it leads to its own table or to one above it,
 * to none, outside of RAM, or is taken for a large page.
 */
export function mutatePageTables(memory: MutatedMemory, facts: KernelFacts, prng: Prng): void {
  const path = [facts.pageTableRoot as number];
  const depth = 1 + prng.below(facts.pagingLevels);
  for (let table = path[0]; table !== undefined; ) {
    const at = pickEntry(memory, table, prng);
    if (at === undefined) return;
    const entry = readEntry(memory, at);
    const isLeaf = path.length === facts.pagingLevels || (entry & LARGE) !== 0n;
    if (path.length === depth || isLeaf) {
      memory.write(at, 8, newEntry(entry, path, prng));
      return;
    }
    table = Number(entry & ADDRESS);
    path.push(table);
  }
}

function newEntry(entry: bigint, path: readonly number[], prng: Prng): bigint {
  switch (prng.below(5)) {
    case 0:
      return BigInt(path.at(-1) ?? 0) | TABLE_FLAGS; // itself
    case 1:
      return BigInt(prng.pick(path)) | TABLE_FLAGS; // a table above it
    case 2:
      return entry ^ LARGE;
    case 3:
      return entry & ~PRESENT;
    default:
      return (prng.u64() & ADDRESS) | TABLE_FLAGS;
  }
}

/** Where a present entry of `table` is, if it has one. */
function pickEntry(memory: MutatedMemory, table: number, prng: Prng): number | undefined {
  const first = prng.below(ENTRIES);
  for (let i = 0; i < ENTRIES; i += 1) {
    const at = table + ((first + i) % ENTRIES) * 8;
    if ((readEntry(memory, at) & PRESENT) !== 0n) return at;
  }
  return undefined;
}

function readEntry(memory: MutatedMemory, at: number): bigint {
  return memory.window(Math.floor(at / PAGE))?.getBigUint64(at % PAGE, true) ?? 0n;
}
