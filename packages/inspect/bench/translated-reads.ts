import { type Gva, gva, MiB, type PhysicalMemory } from "@casemate/core";
import type { Kernel } from "../src/index.ts";
import { measure } from "./measure.ts";

const READS = 1_000_000;
const RUNS = 9;
const WORD = 8;
const PAGE = 4096;
/** How much is read of: 4096 pages, more than a processor keeps translations of. */
const REGION = 16 * MiB;

/** Kernel memory that is one run: where it is in guest-physical memory, and in the kernel's two maps of it. */
export interface Region {
  readonly physical: number;
  readonly directMap: Gva;
  readonly vmemmap: Gva;
}

/** The descriptors of a GiB of pages (`struct page`), which are 16 MiB that belong to the kernel. */
export function findRegion(kernel: Kernel): Region {
  const { directMapBase, vmemmapBase } = kernel.facts;
  const { value: physical } = kernel.grant("kernelMetadata").look(({ kernel: { memory } }) => {
    const start = memory.translate(vmemmapBase);
    const last = REGION - PAGE;
    if (memory.translate(gva(vmemmapBase + BigInt(last))) !== start + last) {
      throw new Error("Page descriptors that are not one run: give the guest 1 GiB.");
    }
    return start;
  });
  return { physical, directMap: gva(directMapBase + BigInt(physical)), vmemmap: vmemmapBase };
}

/**
 * What is read after what. A guest of 200 processes keeps what the views read in about 4 MiB; 16 MiB are more
 * than a processor's second cache holds.
 */
export const ORDERS = ["one after the other", "anywhere in 4 MiB", "anywhere in 16 MiB"] as const;
export type Order = (typeof ORDERS)[number];

/** Offsets into the region; the same at each run. */
function offsetsIn(order: Order): Float64Array {
  let state = 12345;
  return Float64Array.from({ length: READS }, (_, i) => {
    if (order === "one after the other") return i * WORD;
    const words = (order === "anywhere in 4 MiB" ? 4 * MiB : REGION) / WORD;
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    // The low bits of such a generator repeat: the high ones choose.
    return Math.floor((state / 2 ** 32) * words) * WORD;
  });
}

/**
 * Millions of 8-byte reads a second, each translated: by an address and an offset, as accessors of members
 * read, or by addresses alone, which are big integers that the benchmark itself has to make.
 */
export function measureReads(
  kernel: Kernel,
  base: Gva,
  order: Order,
  by: "offset" | "address",
): number {
  const offsets = offsetsIn(order);
  const addresses = BigUint64Array.from(offsets, (offset) => base + BigInt(offset));
  const { value } = kernel.grant("kernelMetadata").look(
    ({ kernel: { memory } }) => {
      let sum = 0n;
      return measure(RUNS, () => {
        for (let i = 0; i < READS; i += 1) {
          const word =
            by === "offset" ? memory.u64(base, offsets[i] ?? 0) : memory.u64(addresses[i] as Gva); // gva() made their base
          sum = BigInt.asUintN(64, sum ^ word);
        }
      });
    },
    { milliseconds: 60_000, steps: Number.MAX_SAFE_INTEGER },
  );
  return READS / value.best / 1000;
}

/** The same words read out of the mapping itself: what the machine can do. */
export function measurePlainReads(memory: PhysicalMemory, region: Region, order: Order): number {
  const offsets = offsetsIn(order);
  const view = memory.window(0);
  if (view === undefined) throw new Error("A guest without RAM at 0.");
  let sum = 0n;
  const { best } = measure(RUNS, () => {
    for (let i = 0; i < READS; i += 1) {
      sum = BigInt.asUintN(64, sum ^ view.getBigUint64(region.physical + (offsets[i] ?? 0), true));
    }
  });
  return READS / best / 1000;
}
