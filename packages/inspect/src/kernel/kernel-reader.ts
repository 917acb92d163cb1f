import { CasemateError, formatAddress, type Gva, gva, toCasemateError } from "@casemate/core";
import type { Btf } from "../btf/btf.ts";
import { BtfKind } from "../btf/btf-kind.ts";
import type { StructLayout } from "../btf/struct-layout.ts";
import { Budget } from "../budget.ts";
import type { KernelMemory } from "../memory/kernel-memory.ts";
import { type MapleEntry, walkMapleTree } from "../walk/walk-maple-tree.ts";
import { walkXarray, type XarrayEntry } from "../walk/walk-xarray.ts";
import type { Damage } from "./damage.ts";
import { FollowedLinks } from "./followed-links.ts";
import type { KernelFacts } from "./kernel-facts.ts";
import type { KernelProfile } from "./kernel-profile.ts";
import { StructType } from "./struct-type.ts";

/** A kernel built for 8192 processors is the largest there is (`NR_CPUS`). */
const MAX_CPUS = 8192;
/** HOSTILE: a guest with more damage than this is told to be damaged as a whole. */
const MAX_DAMAGED = 1000;

/** Values and names of an enum. */
type Enumerators = readonly (readonly [value: number, name: string])[];

/**
 * The kernel's own structures, by the kernel's own names: the reader for kernel metadata.
 *
 * What it gives does not last: addresses are those of this guest, and its budget is that of the look at
 * hand. All reads throw `kernel/damaged` where memory does not answer.
 *
 * HOSTILE: every value read is the guest's.
 */
export class KernelReader {
  readonly facts: KernelFacts;
  readonly memory: KernelMemory;
  /** What the look at hand may cost; walks pay from it. */
  budget = new Budget();
  readonly #profile: KernelProfile;
  readonly #structs = new Map<string, StructType>();
  readonly #symbols = new Map<string, Gva | undefined>();
  readonly #enumerators = new Map<string, Enumerators>();
  readonly #live: boolean;
  readonly #links = new FollowedLinks();
  #torn = false;
  #damaged: Damage[] = [];

  constructor(profile: KernelProfile, memory: KernelMemory, facts: KernelFacts, live: boolean) {
    this.#profile = profile;
    this.memory = memory;
    this.facts = facts;
    this.#live = live;
  }

  /** Whether this kernel has a struct or union of that name. */
  hasStruct(name: string): boolean {
    return this.#profile.hasType(name);
  }

  /** The struct or union `name`, to compile accessors from. Throws `kernel/unsupported`. */
  struct(name: string): StructType {
    return this.#struct(name, () => this.#profile.layout(name));
  }

  /** The struct without a tag that has all `members`; `name` is how errors call it. */
  anonymousStruct(name: string, ...members: readonly string[]): StructType | undefined {
    const layout = this.#profile.anonymousLayout(name, ...members);
    return layout === undefined ? undefined : this.#struct(name, () => layout);
  }

  /** Its types, which those of modules build upon. */
  get btf(): Btf {
    return this.#profile.btf;
  }

  /** The value of an enumerator: `constant("PIDTYPE_TGID")`; `undefined` where this kernel has none. */
  constant(name: string): number | undefined {
    const value = this.#profile.btf.constant(name);
    return value === undefined ? undefined : Number(value);
  }

  /** Values and names of the first of the enums `names` that this kernel has. Throws `kernel/unsupported`. */
  enumerators(...names: readonly string[]): Enumerators {
    const key = names.join(" ");
    const known = this.#enumerators.get(key);
    if (known !== undefined) return known;
    const { btf } = this.#profile;
    for (const name of names) {
      const id = btf.find(name, BtfKind.enum, BtfKind.enum64);
      if (id === undefined) continue;
      const found = btf.enumerators(id).map(([value, each]) => [Number(value), each] as const);
      this.#enumerators.set(key, found);
      return found;
    }
    throw new CasemateError(
      "kernel/unsupported",
      `Cannot read ${names.join(" or ")}: the kernel's BTF has no such enum, expected one.`,
    );
  }

  hasSymbol(name: string): boolean {
    return this.#symbol(name) !== undefined;
  }

  /** The address of the first of `names` that this kernel has. Throws `kernel/unsupported`. */
  symbol(...names: readonly string[]): Gva {
    for (const name of names) {
      const address = this.#symbol(name);
      if (address !== undefined) return address;
    }
    throw new CasemateError(
      "kernel/unsupported",
      `Cannot find ${names.join(" or ")}: the kernel has no such symbol, expected one.`,
    );
  }

  /** The symbol at or before `address` of the kernel image: `do_syscall_64+0x5b`; `undefined` outside of it. */
  symbolAt(address: Gva): { readonly name: string; readonly offset: number } | undefined {
    const offset = BigInt.asIntN(64, address - this.facts.textBase);
    if (offset < 0n || offset >= BigInt(this.facts.imageSize)) return undefined;
    const found = this.#profile.symbols.at(Number(offset));
    return found === undefined ? undefined : { name: found.name, offset: found.distance };
  }

  /** Numbers of the processors that are online. */
  onlineCpus(): readonly number[] {
    const mask = this.symbol("__cpu_online_mask");
    const limit = Math.min(this.memory.u32(this.symbol("nr_cpu_ids")), MAX_CPUS);
    const cpus: number[] = [];
    for (let cpu = 0; cpu < limit; cpu += 1) {
      if (((this.memory.u8(mask, cpu >>> 3) >>> (cpu & 7)) & 1) !== 0) cpus.push(cpu);
    }
    return cpus;
  }

  /** Where `variable` (a per-CPU symbol or `__percpu` pointer) is for `cpu`: `per_cpu_ptr`. */
  perCpu(variable: Gva, cpu: number): Gva {
    return gva(variable + this.memory.u64(this.symbol("__per_cpu_offset"), cpu * 8));
  }

  /** Entries of the xarray, radix tree or IDR at `xarray` in the order of their indices: `xa_for_each`. */
  xarray(xarray: Gva): Generator<XarrayEntry> {
    return walkXarray(this, xarray);
  }

  /** Entries of the IDR at `idr`: `idr_for_each_entry`. */
  *idr(idr: Gva): Generator<XarrayEntry> {
    const type = this.struct("idr");
    const base = type.number("idr_base")(idr);
    for (const { index, ...rest } of walkXarray(this, type.address("idr_rt")(idr))) {
      yield { index: index + base, ...rest };
    }
  }

  /** Entries of the maple tree at `tree` in the order of their ranges: `mt_for_each`. */
  mapleTree(tree: Gva): Generator<MapleEntry> {
    return walkMapleTree(this, tree);
  }

  /**
   * The pointer at `at + offset`, remembered: if it differs when the look ends, what was read on the way
   * may be torn. Walks read all their links through this.
   */
  link(at: Gva, offset = 0): Gva {
    const value = this.memory.pointer(at, offset);
    if (this.#live) this.#links.add(at, offset, value);
    return value;
  }

  /** What the look at hand could not read and went on without. */
  get damaged(): readonly Damage[] {
    return this.#damaged;
  }

  /**
   * What `read` returns; where memory is damaged, `undefined`, and the look tells of `object` at `at`.
   *
   * Only `kernel/damaged` is told and passed over: nothing is left out in silence.
   */
  attempt<Value>(read: () => Value, object: string, at?: Gva): Value | undefined {
    try {
      return read();
    } catch (thrown) {
      this.#tell(thrown, object, at);
      return undefined;
    }
  }

  /** What `walk` yields until it breaks off; then the look tells of `object`, which was walked. */
  *attemptWalk<Item>(walk: Iterable<Item>, object: string, at?: Gva): Generator<Item> {
    try {
      yield* walk;
    } catch (thrown) {
      this.#tell(thrown, object, at);
    }
  }

  /**
   * Calls `visit` once for each struct that `walk` finds, which are all of type `struct`. Those that are
   * damaged spoil none of the others, nor does a walk that breaks off those before; the look tells of both.
   */
  each(struct: string, walk: Iterable<Gva>, visit: (at: Gva) => void): void {
    // A walk in circles came by some of them more than once before that was noticed.
    const found = new Set(this.attemptWalk(walk, `walk of ${struct}`));
    for (const at of found) this.attempt(() => visit(at), struct, at);
  }

  /** Says that a structure was seen in the middle of a change. */
  markTorn(): void {
    this.#torn = true;
  }

  /** Starts a look: forgets links and translations, and pays from `budget`. */
  begin(budget: Budget): void {
    this.budget = budget;
    this.#links.clear();
    this.#torn = false;
    this.#damaged = [];
    this.memory.begin(budget);
  }

  /** Whether every link that was followed still holds what it held. */
  isConsistent(): boolean {
    if (this.#torn) return false;
    if (!this.#live) return true;
    this.memory.refresh();
    return this.#links.hold(this.memory, this.budget);
  }

  /** Notes damage for the answer; throws what is no damage, and when there is too much of it. */
  #tell(thrown: unknown, object: string, at: Gva | undefined): void {
    const error = toCasemateError(thrown);
    if (error.code !== "kernel/damaged") throw thrown;
    if (this.#damaged.length === MAX_DAMAGED) {
      throw new CasemateError(
        "kernel/damaged",
        `Cannot read on: more than ${MAX_DAMAGED} structures are damaged, expected a few.`,
        { cause: thrown },
      );
    }
    const place = at === undefined ? "" : ` at ${formatAddress(at)}`;
    this.#damaged.push({ object: `${object}${place}`, reason: error.message });
  }

  #struct(name: string, layout: () => StructLayout): StructType {
    const known = this.#structs.get(name);
    if (known !== undefined) return known;
    const type = new StructType(this, layout(), this.#profile.btf);
    this.#structs.set(name, type);
    return type;
  }

  /** Remembered: views ask for the same ones at every look. */
  #symbol(name: string): Gva | undefined {
    if (!this.#symbols.has(name)) {
      const place = this.#profile.symbols.find(name);
      this.#symbols.set(name, place && this.#address(place.offset, place.absolute));
    }
    return this.#symbols.get(name);
  }

  #address(offset: number, absolute: boolean): Gva {
    return gva(absolute ? BigInt(offset) : this.facts.textBase + BigInt(offset));
  }
}
