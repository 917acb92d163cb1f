import { CasemateError, type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "./circle-finder.ts";

/** An array of hash chains: `hlist_head` or `hlist_nulls_head`. */
export interface HashTable {
  /** Address of the first head. */
  readonly heads: Gva;
  readonly count: number;
  /** From one head to the next, in bytes; a multiple of 8. */
  readonly stride: number;
  /** Where the `hlist_node` or `hlist_nulls_node` is in the structs on the chains, in bytes. */
  readonly offset: number;
}

const POINTER = 8;
/** Heads are copied this many bytes at a time: tables have up to 4 MiB and are mostly empty. */
const CHUNK = 64 * 1024;
/** This many heads take as long as one step of a walk. */
const HEADS_PER_STEP = 64;

/**
 * Structs in a hash table, chain after chain. NULL ends a chain, and so does an odd pointer (a nulls
 * marker): kernels changed from one to the other and back.
 */
export function* walkHashTable(kernel: KernelReader, table: HashTable): Generator<Gva> {
  const { heads, count, stride } = table;
  const distance = BigInt(table.offset);
  if (stride === 0 || stride % POINTER !== 0) {
    throw new CasemateError(
      "kernel/unsupported",
      `Cannot walk a hash table: its heads are ${stride} bytes apart, expected a multiple of ${POINTER}.`,
    );
  }
  const perChunk = Math.max(1, Math.floor(CHUNK / stride));
  for (let start = 0; start < count; start += perChunk) {
    const length = Math.min(perChunk, count - start);
    // HOSTILE: `count` is the guest's; a chunk that is paid for is the most that is read.
    kernel.budget.step(Math.ceil(length / HEADS_PER_STEP));
    const first = gva(heads + BigInt(start * stride));
    const copy = new Uint32Array(kernel.memory.bytes(first, length * stride).buffer);
    for (const i of findUsed(copy, stride / 4)) {
      const circle = new CircleFinder();
      let node = kernel.link(first, i * stride);
      while (node !== 0n && (node & 1n) === 0n) {
        kernel.budget.step();
        circle.visit(node);
        yield gva(node - distance);
        node = kernel.link(node);
      }
    }
  }
}

/** Indices of the heads that are neither NULL nor odd, one every `words` words. */
function findUsed(copy: Uint32Array, words: number): number[] {
  const used: number[] = [];
  for (let at = 0; at < copy.length; at += words) {
    const low = copy[at] ?? 0;
    if ((low & 1) === 0 && (low !== 0 || copy[at + 1] !== 0)) used.push(at / words);
  }
  return used;
}
