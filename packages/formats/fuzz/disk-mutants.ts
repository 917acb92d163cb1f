import { setImmediate } from "node:timers/promises";
import { BytesReader } from "../src/disk/bytes-reader.ts";
import { buildDisks } from "./build-disks.ts";
import { lookAtDisk, placesRead } from "./look-at-disk.ts";
import { Prng } from "./prng.ts";

const MAX_CHANGES = 6;
const TURN_EVERY = 16;
const EDGES = [0, 1, 0x7f, 0x80, 0xff] as const;

/** What a run of mutants came to. */
export interface DiskFuzzReport {
  readonly mutants: number;
  /** How many met an error of each code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The longest that one took, in milliseconds. */
  readonly worst: { readonly milliseconds: number; readonly seed: number };
}

/**
 * Looks at `count` damaged disks, from `seed` on. Throws at the first that is not told by an error of the
 * catalogue, with its seed.
 */
export async function runDiskMutants(seed: number, count: number): Promise<DiskFuzzReport> {
  const disks = buildDisks().map((disk) => ({ ...disk, places: placesRead(disk.bytes) }));
  // One place for all mutants: collecting each as garbage would take more than looking at it.
  const scratch = Buffer.alloc(Math.max(...disks.map(({ bytes }) => bytes.length)));
  const outcomes: Record<string, number> = {};
  let worst = { milliseconds: 0, seed };
  for (let current = seed; current < seed + count; current += 1) {
    // Node frees what a decompression that failed held only between turns of its event loop.
    if (current % TURN_EVERY === 0) await setImmediate();
    const prng = new Prng(current);
    const { name, bytes, places, seal } = prng.pick(disks);
    const mutant = mutate(bytes, places, prng, scratch);
    if (seal !== undefined && prng.below(8) !== 0) seal(mutant);
    const started = performance.now();
    let codes: ReadonlySet<string>;
    try {
      codes = lookAtDisk(new BytesReader(mutant));
    } catch (cause) {
      throw new Error(`seed ${current} (${name}) broke something`, { cause });
    }
    const milliseconds = performance.now() - started;
    if (milliseconds > worst.milliseconds) worst = { milliseconds, seed: current };
    for (const code of codes.size === 0 ? ["sound"] : codes) {
      outcomes[code] = (outcomes[code] ?? 0) + 1;
    }
  }
  return { mutants: count, outcomes, worst };
}

function mutate(bytes: Buffer, places: readonly number[], prng: Prng, scratch: Buffer): Buffer {
  const length = prng.below(16) === 0 ? prng.below(bytes.length) : bytes.length;
  const mutant = scratch.subarray(0, bytes.copy(scratch, 0, 0, length));
  const changes = 1 + prng.below(MAX_CHANGES);
  for (let i = 0; i < changes; i += 1) {
    const width = prng.pick([1, 1, 2, 4, 8]);
    const place = prng.pick(places);
    const at = prng.below(2) === 0 ? place : Math.floor(place / width) * width;
    const edge = prng.below(3) === 0;
    for (let k = 0; k < width && at + k < mutant.length; k += 1) {
      mutant[at + k] = edge ? prng.pick(EDGES) : prng.u32() & 0xff;
    }
  }
  return mutant;
}
