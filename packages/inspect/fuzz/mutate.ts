import type { KernelFacts } from "../src/kernel/kernel-facts.ts";
import { mutatePageTables } from "./mutate-page-tables.ts";
import type { MutatedMemory } from "./mutated-memory.ts";
import type { Prng } from "./prng.ts";
import type { Field, Reads } from "./read-recorder.ts";

const PAGE = 4096;
/** Distance of the nodes of a flood: a list can go through every one of them. */
const FLOOD_STRIDE = 16;
/** One mutant in so many is a flood; each costs most of a budget. */
const FLOOD_ODDS = 100;
const MAX_CHANGES = 8;
/** How many reads a circle spans at most. */
const CYCLE_REACH = 256;

/** Numbers that have broken parsers before: signs, widths, doubles that are not exact. */
const COUNTS = [
  0n,
  1n,
  2n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x20_0000_0000_0001n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_ffffn,
] as const;

/** Text that terminals, JSON and decoders stumble over. */
const TEXTS = [
  Buffer.from("\u001b]0;pwned\u0007\u001b[2J\r\n"),
  Buffer.from("\u202egnp.exe\u2066"),
  Buffer.from("\ufeff\u0000\u2028__proto__"),
  Buffer.from([0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]),
  Buffer.from([0xf0, 0x9f, 0x92]),
  Buffer.from([0xc0, 0x80, 0xfe, 0xff]),
  Buffer.from("💥".repeat(64)),
] as const;

/** What mutations aim at: what a look read of the memory without changes, and where its kernel is. */
export interface Target {
  readonly reads: Reads;
  readonly facts: KernelFacts;
}

/** Changes `memory` here and there, as `prng` says, where `target` reads it. */
export function mutate(memory: MutatedMemory, target: Target, prng: Prng): void {
  if (prng.oneIn(FLOOD_ODDS)) {
    flood(memory, target, prng);
    return;
  }
  const changes = prng.oneIn(2) ? 1 : 1 + prng.below(MAX_CHANGES);
  for (let i = 0; i < changes; i += 1) {
    if (prng.oneIn(12)) mutatePageTables(memory, target.facts, prng);
    else if (prng.oneIn(8)) closeCycle(memory, target, prng);
    else if (target.reads.pages.length > 0 && prng.oneIn(6)) changePage(memory, target, prng);
    else changeField(memory, target, prng);
  }
}

/**
 * Lets a pointer lead back to where one led that was read shortly before it: lists, hash chains and trees
 * become circles, and nodes of trees their own ancestors. Tags in low bits are kept: both are of one kind.
 */
function closeCycle(memory: MutatedMemory, target: Target, prng: Prng): void {
  const { fields } = target.reads;
  const from = prng.below(Math.max(1, fields.length));
  const pointers = fields
    .slice(Math.max(0, from - CYCLE_REACH), from + 1)
    .filter((field) => field.size === 8 && isKernelPointer(readField(memory, field)));
  const last = pointers.at(-1);
  if (last !== undefined) memory.write(last.at, 8, readField(memory, prng.pick(pointers)));
}

function isKernelPointer(value: bigint): boolean {
  return value >> 56n === 0xffn;
}

/** One number that is read, or the one beside it. */
function changeField(memory: MutatedMemory, target: Target, prng: Prng): void {
  const { at, size } = pickField(target.reads, prng);
  memory.write(at, size, newValue(memory, target, { at, size }, prng));
}

/** The first reads are heads of lists, counts and roots: half of all mutations go there. */
function pickField({ fields }: Reads, prng: Prng): Field {
  if (fields.length === 0) return { at: 0, size: 8 };
  const reach = prng.oneIn(2) ? fields.length : Math.min(fields.length, 1 << (4 + prng.below(8)));
  return prng.pick(fields.slice(0, reach));
}

function newValue(memory: MutatedMemory, target: Target, field: Field, prng: Prng): bigint {
  const before = readField(memory, field);
  const top = BigInt(field.size * 8);
  switch (prng.below(field.size === 8 ? 8 : 3)) {
    case 0:
      return before ^ (1n << (prng.u64() % top));
    case 1:
      return prng.pick(COUNTS);
    case 2:
      return prng.oneIn(2) ? prng.u64() : before + BigInt(prng.below(17) - 8);
    case 3:
      return readField(memory, pickField(target.reads, prng)); // another object's
    case 4:
      return addressOf(target, field.at + (prng.oneIn(2) ? 0 : 8 * (prng.below(64) - 32)));
    case 5:
      return addressOf(target, pickField(target.reads, prng).at & ~7);
    case 6:
      return before + BigInt(8 * (prng.below(256) - 128));
    default:
      return oddAddress(memory, target, prng);
  }
}

/** The direct map's address of what is at `at`: a pointer to itself, to its neighbour, to another object. */
function addressOf({ facts }: Target, at: number): bigint {
  return BigInt.asUintN(64, facts.directMapBase + BigInt(at));
}

function oddAddress(memory: MutatedMemory, { facts }: Target, prng: Prng): bigint {
  const end = memory.ranges.at(-1)?.end ?? 0;
  return BigInt.asUintN(
    64,
    prng.pick([
      0x7fff_ffff_e000n,
      0x40_0000n,
      0x00ff_ffff_ffff_ffffn,
      0x8000_0000_0000_0000n,
      0xdead_beef_dead_beefn,
      0xffff_ffff_ffff_fff2n,
      0xffff_ffff_ffff_f000n,
      facts.directMapBase,
      facts.directMapBase - 8n,
      facts.directMapBase + BigInt(end),
      facts.directMapBase + BigInt(end - prng.pick([1, 4, 7, 8, 9, 16])),
      facts.directMapBase + BigInt(facts.pageTableRoot),
      facts.textBase,
      facts.textBase + BigInt(facts.imageSize - prng.below(16)),
      facts.vmallocBase + BigInt(PAGE * prng.below(4096)),
      facts.vmemmapBase + BigInt(64 * prng.below(65_536)),
      BigInt(facts.pageTableRoot) | 0x63n,
      BigInt(facts.pageTableRoot) | 0xe3n,
    ]),
  );
}

/** A whole page that was copied: text, arrays of pointers, buckets, page tables. */
function changePage(memory: MutatedMemory, target: Target, prng: Prng): void {
  const { pages } = target.reads;
  const index = prng.pick(pages);
  const view = memory.writable(index);
  if (view === undefined) return;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const offset = prng.below(PAGE);
  switch (prng.below(6)) {
    case 0:
      bytes.set(prng.bytes(PAGE));
      break;
    case 1: {
      const other = memory.clean(prng.pick(pages));
      if (other !== undefined) bytes.set(new Uint8Array(other.buffer, other.byteOffset, PAGE));
      break;
    }
    case 2:
      bytes.fill(prng.pick([0, 1, 0x41, 0x7f, 0xff]), offset);
      break;
    case 3: {
      const text = prng.pick(TEXTS);
      for (let at = offset; at + text.length <= PAGE; at += text.length) bytes.set(text, at);
      break;
    }
    case 4: {
      const value = newValue(memory, target, { at: index * PAGE, size: 8 }, prng);
      for (let at = 0; at < PAGE; at += 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
      break;
    }
    default: {
      const at = Math.min(offset & ~7, PAGE - 8);
      const value = newValue(memory, target, { at: index * PAGE + at, size: 8 }, prng);
      view.setBigUint64(at, BigInt.asUintN(64, value), true);
    }
  }
}

/**
 * Turns much of RAM into one endless structure, each of whose nodes leads to the next and back, and lets
 * pointers lead there. Whatever is walked never ends and never repeats.
 */
function flood(memory: MutatedMemory, target: Target, prng: Prng): void {
  const touched = new Set(target.reads.pages);
  for (const { at } of target.reads.fields) touched.add(Math.floor(at / PAGE));
  const last = memory.ranges.at(-1)?.end ?? 0;
  const { first, end } = longestGap(touched, Math.floor(last / PAGE));
  const stride = FLOOD_STRIDE;
  memory.flood(first, end, (index) => {
    const view = new DataView(new ArrayBuffer(PAGE));
    for (let at = 0; at < PAGE; at += stride) {
      const here = addressOf(target, index * PAGE + at);
      const isLast = index === end - 1 && at + stride >= PAGE;
      const next = isLast ? addressOf(target, first * PAGE) : here + BigInt(stride);
      view.setBigUint64(at, BigInt.asUintN(64, next), true);
      view.setBigUint64(at + 8, BigInt.asUintN(64, here - BigInt(stride)), true);
    }
    return view;
  });
  const pointers = target.reads.fields.filter(
    ({ at, size }) => size === 8 && readField(memory, { at, size }) >> 63n === 1n,
  );
  if (pointers.length === 0) return;
  const count = 1 + prng.below(3);
  for (let i = 0; i < count; i += 1) {
    const { at } = prng.pick(pointers.slice(0, 1 << (3 + prng.below(12))));
    const into = first * PAGE + prng.below(PAGE / stride) * stride;
    memory.write(at, 8, addressOf(target, into));
  }
}

/** The longest run of pages that nobody reads. */
function longestGap(touched: ReadonlySet<number>, end: number): { first: number; end: number } {
  let best = { first: 0, end: 0 };
  let first = 0;
  for (const page of [...touched].sort((a, b) => a - b).concat(end)) {
    if (page - first > best.end - best.first) best = { first, end: page };
    first = page + 1;
  }
  return best;
}

function readField(memory: MutatedMemory, { at, size }: Field): bigint {
  const view = memory.window(Math.floor(at / PAGE));
  let value = 0n;
  for (let i = Math.min(size, PAGE - (at % PAGE)) - 1; view !== undefined && i >= 0; i -= 1) {
    value = (value << 8n) | BigInt(view.getUint8((at % PAGE) + i));
  }
  return value;
}
