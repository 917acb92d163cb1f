/**
 * Finds the kernel in dumps whose BTF, symbols, page tables or other landmarks were changed, and looks at a
 * view of what is found.
 *
 *     node packages/inspect/fuzz/attach.fuzz.ts --dump FILE [--seed N] [--count N]
 */
import { gpa } from "@casemate/core";
import { type BtfLocation, walkBtf } from "../src/btf/walk-btf.ts";
import { attach, Budget, DATA_CLASSES, ProfileCache, views } from "../src/index.ts";
import type { KernelFacts } from "../src/kernel/kernel-facts.ts";
import { PhysicalReader } from "../src/memory/physical-reader.ts";
import { findKallsyms } from "../src/symbols/find-kallsyms.ts";
import { lookAt } from "./look-at.ts";
import { mutate, type Target } from "./mutate.ts";
import { BtfMutator } from "./mutate-btf.ts";
import { MutatedMemory } from "./mutated-memory.ts";
import { openDump } from "./open-dump.ts";
import { Prng } from "./prng.ts";
import { ReadRecorder } from "./read-recorder.ts";
import { runFuzz } from "./run-fuzz.ts";
import { verifyOutcome } from "./verify-outcome.ts";

const ATTACH = { milliseconds: 5_000 };
const LOOK_MS = 1_000;
/** Views of each kernel that is found. */
const LOOKS = 3;
const MAX_CHANGES = 8;

type Mutation = (memory: MutatedMemory, prng: Prng) => void;

await runFuzz(async (dump) => {
  const base = await openDump(dump);
  const memory = new MutatedMemory(base);
  const profiles = new ProfileCache();
  const { facts } = attach(memory, { profiles });
  const recorder = new ReadRecorder(base, (index) => memory.clean(index));
  attach(recorder, { profiles });
  const target: Target = { reads: recorder.take(), facts };

  const physical = new PhysicalReader(memory);
  const location = findLocation(physical, facts);
  const mutations: readonly (readonly [name: string, mutation: Mutation])[] = [
    ["btf", mutateBtf(physical, location)],
    ["btf", mutateBtf(physical, location)],
    ["kallsyms", mutateKallsyms(physical, location)],
    ["landmarks", (mutated, prng) => mutate(mutated, target, prng)],
  ];

  return (seed) => {
    const prng = new Prng(seed);
    memory.reset();
    const [name, mutation] = prng.pick(mutations);
    mutation(memory, prng);
    // Types and symbols that were changed are another build's: they must not push out the true one.
    const fresh = name === "landmarks" ? profiles : new ProfileCache();
    const found = verifyOutcome(ATTACH.milliseconds, () => {
      const grant = attach(memory, { profiles: fresh, budget: ATTACH }).grant(...DATA_CLASSES);
      for (let i = 0; i < LOOKS; i += 1) lookAt(prng.pick(views), LOOK_MS, () => grant);
      return "rows";
    });
    return `${name} ${found}`;
  };
});

/** The BTF of the kernel that runs: RAM may hold other kernels' as well. */
function findLocation(physical: PhysicalReader, facts: KernelFacts): BtfLocation {
  const image = { start: facts.physicalBase, end: gpa(facts.physicalBase + facts.imageSize) };
  for (const location of walkBtf(physical, new Budget({ steps: 100_000_000 }), [image])) {
    return location;
  }
  throw new Error("Cannot fuzz: the kernel in the dump has no BTF.");
}

function mutateBtf(physical: PhysicalReader, { start, length }: BtfLocation): Mutation {
  const mutator = new BtfMutator(physical.copy(start, length));
  return (memory, prng) => {
    if (prng.oneIn(8)) {
      // The header and what comes after it.
      memory.write(start + 4 * prng.below(16), 4, BigInt(prng.u32()));
      return;
    }
    for (const { at, value } of mutator.plan(prng)) memory.write(start + at, 4, BigInt(value));
  };
}

function mutateKallsyms(physical: PhysicalReader, { start }: BtfLocation): Mutation {
  const blob = findKallsyms(physical, start, new Budget({ steps: 100_000_000 }));
  if (blob === undefined) throw new Error("Cannot fuzz: the dump has no kallsyms.");
  const { names, namesAt, tokenTable, tokenTableAt, offsets, offsetsAt, markers } = blob;
  const regions = [
    [namesAt - 16, 16 + names.length],
    [namesAt + names.length, 16 + markers.byteLength],
    [tokenTableAt, tokenTable.length + 520],
    [offsetsAt, offsets.byteLength + 16],
    [offsetsAt + offsets.byteLength, 16 + 3 * offsets.length],
  ] as const;
  return (memory, prng) => {
    const changes = 1 + prng.below(MAX_CHANGES);
    for (let i = 0; i < changes; i += 1) {
      const [from, size] = prng.pick(regions);
      const reach = prng.oneIn(2) ? size : Math.min(size, 64);
      const value = prng.oneIn(3) ? BigInt(prng.pick([0, 0x7f, 0x80, 0xff])) : prng.u64();
      memory.write(from + prng.below(reach), prng.pick([1, 2, 4, 8]), value);
    }
  };
}
