import { CasemateError, type Gva, gva } from "@casemate/core";
import type { Btf } from "../btf/btf.ts";
import { BtfKind } from "../btf/btf-kind.ts";
import type { Place, StructLayout } from "../btf/struct-layout.ts";
import { decodeText } from "../decode-text.ts";
import { toNumber, toSignedNumber } from "../to-number.ts";
import { walkHlist, walkHlistNulls } from "../walk/walk-hlist.ts";
import { walkList } from "../walk/walk-list.ts";
import { walkRbTree } from "../walk/walk-rb-tree.ts";
import type { KernelReader } from "./kernel-reader.ts";

/** Reads one member of the struct at an address. */
export type Accessor<Value> = (at: Gva) => Value;

/** HOSTILE: what is counted by an array's length should end. */
const MAX_LENGTH = 65_536;
/** How long the string behind a `char *` may be. */
const MAX_STRING = 4096;

/**
 * A struct or union of the guest's kernel.
 *
 * Members are named by C expressions (`pid`, `se.vruntime`, `real_parent->tgid`, `comm[0]`), are found in
 * BTF once, and become closures. Each method is named for what its closure returns; width and sign come
 * from BTF. Where kernels differ, give several names: the first that this kernel has is taken.
 *
 *     const task = kernel.struct("task_struct");
 *     const pid = task.number("pid");
 *     const state = task.number("__state", "state");
 *     for (const at of task.list(task.address("tasks")(initTask), "tasks")) pid(at);
 *
 * All methods throw `kernel/unsupported` where this kernel has no such member.
 */
export class StructType {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly #kernel: KernelReader;
  readonly #layout: StructLayout;
  readonly #btf: Btf;
  /** By what they return, then by what they read. */
  readonly #accessors = new Map<string, Map<string, Accessor<unknown>>>();

  constructor(kernel: KernelReader, layout: StructLayout, btf: Btf) {
    this.#kernel = kernel;
    this.#layout = layout;
    this.#btf = btf;
    this.name = layout.name;
    this.size = layout.size;
  }

  /** Names of its own members, in order. */
  get memberNames(): readonly string[] {
    return this.#layout.memberNames;
  }

  /** Whether this kernel has the member. */
  has(path: string): boolean {
    return this.#layout.has(path);
  }

  /** Where a member is in the struct, in bytes. */
  offset(...paths: readonly string[]): number {
    const { hops, offset } = this.#layout.place(...paths);
    if (hops.length > 0) throw this.#wrong(paths, "a member of its own");
    return offset;
  }

  /** The size of a member, in bytes. */
  sizeOf(...paths: readonly string[]): number {
    return this.#btf.sizeOf(this.#layout.place(...paths).type);
  }

  /** How many elements an array member has. */
  length(...paths: readonly string[]): number {
    const { type } = this.#layout.place(...paths);
    if (this.#btf.kind(type) !== BtfKind.array) throw this.#wrong(paths, "an array");
    const { length } = this.#btf.array(type);
    if (length > MAX_LENGTH) throw this.#wrong(paths, `an array of at most ${MAX_LENGTH} elements`);
    return length;
  }

  /** An integer, enum, bool or bitfield, or a struct of one (`kuid_t`, `atomic_t`); exact up to 2^53. */
  number(...paths: readonly string[]): Accessor<number> {
    return this.#compiled("number", paths, (place) => {
      const { size, signed } = this.#integer(place, paths);
      if (place.bitSize > 0) {
        const read = this.#bits(place, signed);
        return (at) => Number(read(at));
      }
      const { memory } = this.#kernel;
      const { offset } = place;
      switch (size) {
        case 1:
          return signed
            ? (at) => (memory.u8(at, offset) << 24) >> 24
            : (at) => memory.u8(at, offset);
        case 2:
          return signed
            ? (at) => (memory.u16(at, offset) << 16) >> 16
            : (at) => memory.u16(at, offset);
        case 4:
          return signed ? (at) => memory.u32(at, offset) | 0 : (at) => memory.u32(at, offset);
        default:
          return signed
            ? (at) => toSignedNumber(memory.u64(at, offset))
            : (at) => toNumber(memory.u64(at, offset));
      }
    });
  }

  /** As `number`, exact for all 64 bits. */
  bigint(...paths: readonly string[]): Accessor<bigint> {
    return this.#compiled("bigint", paths, (place) => {
      const { size, signed } = this.#integer(place, paths);
      if (place.bitSize > 0) return this.#bits(place, signed);
      if (size < 8) return this.#bits({ ...place, bitSize: size * 8 }, signed);
      const { memory } = this.#kernel;
      const { offset } = place;
      return signed
        ? (at) => BigInt.asIntN(64, memory.u64(at, offset))
        : (at) => memory.u64(at, offset);
    });
  }

  /** The address a pointer member holds; `0n` for NULL. */
  pointer(...paths: readonly string[]): Accessor<Gva> {
    return this.#compiled("pointer", paths, (place) => {
      if (this.#btf.sizeOf(place.type) !== 8) throw this.#wrong(paths, "a pointer");
      const { memory } = this.#kernel;
      const { offset } = place;
      return (at) => memory.pointer(at, offset);
    });
  }

  /** The address of a member. */
  address(...paths: readonly string[]): Accessor<Gva> {
    return this.#compiled("address", paths, ({ offset }) => {
      const distance = BigInt(offset);
      return (at) => gva(at + distance);
    });
  }

  /** The text in a `char` array or behind a `char *`; "" for NULL. HOSTILE: see `printable`. */
  string(...paths: readonly string[]): Accessor<string> {
    return this.#compiled("string", paths, (place) => {
      const { memory } = this.#kernel;
      const { offset, type } = place;
      switch (this.#btf.kind(type)) {
        case BtfKind.ptr:
          return (at) => {
            const text = memory.pointer(at, offset);
            return text === 0n ? "" : memory.string(text, MAX_STRING);
          };
        case BtfKind.array: {
          const size = Math.min(this.#btf.sizeOf(type), MAX_STRING);
          const distance = BigInt(offset);
          return (at) => decodeText(memory.bytes(gva(at + distance), size));
        }
        default:
          throw this.#wrong(paths, "a char array or a char pointer");
      }
    });
  }

  /** The bytes of a member, copied. */
  bytes(...paths: readonly string[]): Accessor<Uint8Array> {
    return this.#compiled("bytes", paths, ({ offset, type }) => {
      const { memory } = this.#kernel;
      const size = this.#btf.sizeOf(type);
      const distance = BigInt(offset);
      return (at) => memory.bytes(gva(at + distance), size);
    });
  }

  /** The struct whose `member` is at `at`: `container_of`. */
  containerOf(at: Gva, member: string): Gva {
    return gva(at - BigInt(this.offset(member)));
  }

  /** Element `index` of an array of these structs at `base`. */
  element(base: Gva, index: number): Gva {
    return gva(base + BigInt(this.size * index));
  }

  /** Structs on the `list_head` at `head`, linked by `member`: `list_for_each_entry`. */
  list(head: Gva, member: string): Generator<Gva> {
    return walkList(this.#kernel, head, this.offset(member));
  }

  /** Structs on the `hlist_head` at `head`, linked by `member`: `hlist_for_each_entry`. */
  hlist(head: Gva, member: string): Generator<Gva> {
    return walkHlist(this.#kernel, head, this.offset(member));
  }

  /** Structs on the `hlist_nulls_head` at `head`: `hlist_nulls_for_each_entry`. */
  hlistNulls(head: Gva, member: string): Generator<Gva> {
    return walkHlistNulls(this.#kernel, head, this.offset(member));
  }

  /** Structs in the `rb_root` (or `rb_root_cached`) at `root`, in order: `rb_first`, `rb_next`. */
  rbTree(root: Gva, member: string): Generator<Gva> {
    return walkRbTree(this.#kernel, root, this.offset(member));
  }

  #compiled<Value>(
    kind: string,
    paths: readonly string[],
    compile: (place: Place) => Accessor<Value>,
  ): Accessor<Value> {
    const [only = ""] = paths;
    const key = paths.length === 1 ? only : paths.join(" ");
    const known = this.#accessors.get(kind)?.get(key);
    if (known !== undefined) return known as Accessor<Value>; // the kind says which method made it
    const place = this.#layout.place(...paths);
    const read = compile(place);
    const accessor = place.hops.length === 0 ? read : this.#hopping(place.hops, read);
    const ofKind = this.#accessors.get(kind) ?? new Map<string, Accessor<unknown>>();
    this.#accessors.set(kind, ofKind.set(key, accessor));
    return accessor;
  }

  #hopping<Value>(hops: readonly number[], read: Accessor<Value>): Accessor<Value> {
    const { memory } = this.#kernel;
    const [only, second] = hops;
    if (only !== undefined && second === undefined) return (at) => read(memory.pointer(at, only));
    return (at) => {
      let address = at;
      for (const hop of hops) address = memory.pointer(address, hop);
      return read(address);
    };
  }

  /** Size and sign of the integer at `place`, which structs of one member may wrap. */
  #integer(place: Place, paths: readonly string[]): { size: number; signed: boolean } {
    const btf = this.#btf;
    let type = place.type;
    for (let depth = 0; depth < 8 && btf.kind(type) === BtfKind.struct; depth += 1) {
      const [only, second] = btf.members(type);
      if (only === undefined || second !== undefined) break;
      type = btf.strip(only.type);
    }
    const size = btf.sizeOf(type);
    switch (btf.kind(type)) {
      case BtfKind.int:
        return { size, signed: btf.int(type).signed };
      case BtfKind.enum:
      case BtfKind.enum64:
        return { size, signed: btf.isSigned(type) };
      default:
        throw this.#wrong(paths, "an integer");
    }
  }

  #bits({ offset, bitOffset, bitSize }: Place, signed: boolean): Accessor<bigint> {
    const { memory } = this.#kernel;
    const bytes = Math.ceil((bitOffset + bitSize) / 8);
    return (at) => {
      let value = 0n;
      for (let i = bytes - 1; i >= 0; i -= 1) {
        value = (value << 8n) | BigInt(memory.u8(at, offset + i));
      }
      const field = value >> BigInt(bitOffset);
      return signed ? BigInt.asIntN(bitSize, field) : BigInt.asUintN(bitSize, field);
    };
  }

  #wrong(paths: readonly string[], needed: string): CasemateError {
    return new CasemateError(
      "kernel/unsupported",
      `Cannot read ${this.name}.${paths.join(" or ")}: its type is another in this kernel, expected ${needed}.`,
    );
  }
}
