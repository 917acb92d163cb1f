import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import { CircleFinder } from "./circle-finder.ts";

/** A rehash goes on in `future_tbl`; more than one follows only when many come at once. */
const MAX_TABLES = 8;
/** 2^31 buckets is what `size` can say (lib/rhashtable.c, HASH_MAX_SIZE). */
const MAX_SIZE = 2 ** 31;
/** Pointers in a page of a nested table. */
const NESTED_SHIFT = 9;
const POINTER = 8;
const CHUNK = 8192;
/** This many heads take as long as one step of a walk. */
const HEADS_PER_STEP = 64;

/**
 * Structs in the `rhashtable` at `table`; `offset` is that of their `rhash_head` (or `rhlist_head`, whose
 * duplicates come too). Tables that are being rehashed and nested ones are followed
 * (include/linux/rhashtable.h); in the middle of a rehash the look is torn.
 */
export function* walkRhashtable(kernel: KernelReader, table: Gva, offset: number): Generator<Gva> {
  const layout = kernel.struct("rhashtable");
  const bucketTable = kernel.struct("bucket_table");
  const hasDuplicates = layout.number("rhlist")(table) !== 0;
  const future = bucketTable.offset("future_tbl");
  const distance = BigInt(offset);

  let tables = 0;
  for (let at = kernel.link(table, layout.offset("tbl")); at !== 0n; at = kernel.link(at, future)) {
    tables += 1;
    if (tables > MAX_TABLES) {
      throw new MemoryFault(at, `more than ${MAX_TABLES} tables in a row`, "a rehash that ends");
    }
    if (tables > 1) kernel.markTorn();
    for (const head of walkHeads(kernel, at)) {
      yield* walkChain(kernel, head, distance, hasDuplicates);
    }
  }
}

/** Addresses of the buckets that are in use. */
function* walkHeads(kernel: KernelReader, table: Gva): Generator<Gva> {
  const layout = kernel.struct("bucket_table");
  const size = layout.number("size")(table);
  const nest = layout.number("nest")(table);
  const buckets = layout.address("buckets")(table);
  if (size > MAX_SIZE || nest > NESTED_SHIFT) {
    throw new MemoryFault(table, `${size} buckets nested by ${nest}`, "a table that can be");
  }
  if (nest === 0) yield* walkArray(kernel, buckets, size);
  else yield* walkNested(kernel, kernel.link(buckets), 2 ** nest, size / 2 ** nest);
}

/** `nested_table_top` and below: pages of pointers, the last of which are the buckets. */
function* walkNested(
  kernel: KernelReader,
  page: Gva,
  count: number,
  below: number,
): Generator<Gva> {
  if (page === 0n) return;
  for (const slot of walkArray(kernel, page, count)) {
    const next = kernel.link(slot);
    if (below > 2 ** NESTED_SHIFT) {
      yield* walkNested(kernel, next, 2 ** NESTED_SHIFT, below / 2 ** NESTED_SHIFT);
    } else yield* walkArray(kernel, next, below);
  }
}

/** Addresses of those of `count` pointers that hold something but a lock or a nulls marker. */
function* walkArray(kernel: KernelReader, array: Gva, count: number): Generator<Gva> {
  for (let start = 0; start < count; start += CHUNK) {
    const length = Math.min(CHUNK, count - start);
    kernel.budget.step(Math.ceil(length / HEADS_PER_STEP));
    const first = gva(array + BigInt(start * POINTER));
    const words = new Uint32Array(kernel.memory.bytes(first, length * POINTER).buffer);
    for (let i = 0; i < length; i += 1) {
      // Bit 0 of a bucket is its lock; a pointer has more than that.
      if (((words[2 * i] ?? 0) & ~1) === 0 && words[2 * i + 1] === 0) continue;
      yield gva(first + BigInt(i * POINTER));
    }
  }
}

function* walkChain(
  kernel: KernelReader,
  head: Gva,
  distance: bigint,
  hasDuplicates: boolean,
): Generator<Gva> {
  const circle = new CircleFinder();
  // `rht_ptr`: without the lock bit. Further on, an odd pointer is the nulls marker that ends the chain.
  let node = gva(kernel.link(head) & ~1n);
  while (node !== 0n && (node & 1n) === 0n) {
    kernel.budget.step();
    circle.visit(node);
    yield gva(node - distance);
    if (hasDuplicates) {
      const duplicates = new CircleFinder();
      for (let twin = kernel.link(node, POINTER); twin !== 0n; twin = kernel.link(twin, POINTER)) {
        kernel.budget.step();
        duplicates.visit(twin);
        yield gva(twin - distance);
      }
    }
    node = kernel.link(node);
  }
}
