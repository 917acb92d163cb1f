import { CasemateError } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import { type BtfIndex, bucketOf, indexBtf } from "./btf-index.ts";
import { BtfKind, WORDS_EACH } from "./btf-kind.ts";

export const BTF_MAGIC = 0xeb9f;
/** magic, version, flags, hdr_len, type_off, type_len, str_off, str_len. */
export const BTF_HEADER_LENGTH = 24;

/** One member of a struct or union, as BTF has it. */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** From the start of the struct that holds it. */
  readonly bitOffset: number;
  /** 0 unless it is a bitfield. */
  readonly bitSize: number;
}

export interface BtfArray {
  readonly element: number;
  readonly length: number;
}

export interface BtfInt {
  readonly signed: boolean;
  readonly bool: boolean;
}

/** Typedefs, qualifiers and tags on one type: real kernels have fewer than ten. */
const MAX_QUALIFIERS = 64;
/** HOSTILE: sizes multiply; beyond this they would not be exact for long. */
const MAX_SIZE = 2 ** 40;

/**
 * The types of a kernel: BTF, indexed by name and otherwise read where it is asked.
 *
 * Documentation/bpf/btf.rst. Parsing 130,000 types takes a few milliseconds because none is made.
 *
 * HOSTILE: the bytes come out of guest memory; the caller passes a copy that no longer changes.
 */
export class Btf {
  readonly #words: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #index: BtfIndex;
  /** Word index of each of its own types; the first is for void. */
  readonly #starts: Uint32Array;
  readonly #base: Btf | undefined;
  /** How many types and bytes of names the base has: its own come after them. */
  readonly #baseTypes: number;
  readonly #baseStrings: number;
  readonly #constants = new Map<string, bigint | undefined>();

  private constructor(words: Uint32Array, strings: Uint8Array, index: BtfIndex, base?: Btf) {
    this.#base = base;
    this.#baseTypes = base === undefined ? 0 : base.size - 1;
    this.#baseStrings = base === undefined ? 0 : base.stringLength;
    this.#words = words;
    this.#strings = strings;
    this.#index = index;
    this.#starts = index.starts;
  }

  /**
   * Parses a whole BTF blob, header included, in place. With a `base` it is split BTF, as modules have it:
   * its types and names are numbered on from those of the base. Throws `kernel/damaged`.
   */
  static parse(bytes: Uint8Array<ArrayBuffer>, base?: Btf): Btf {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < BTF_HEADER_LENGTH || view.getUint16(0, true) !== BTF_MAGIC) {
      throw damaged(`${bytes.length} bytes without its magic number`, "a BTF header");
    }
    const header = view.getUint32(4, true);
    const typeOffset = header + view.getUint32(8, true);
    const typeLength = view.getUint32(12, true);
    const stringOffset = header + view.getUint32(16, true);
    const stringLength = view.getUint32(20, true);
    if (typeOffset + typeLength > bytes.length || stringOffset + stringLength > bytes.length) {
      throw damaged("sections that end after it", `at most ${bytes.length} bytes`);
    }
    const typesAt = bytes.byteOffset + typeOffset;
    if (typesAt % 4 !== 0 || typeLength % 4 !== 0) {
      throw damaged(`a type section of ${typeLength} bytes at ${typeOffset}`, "whole words");
    }
    const words = new Uint32Array(bytes.buffer, typesAt, typeLength / 4);
    const strings = bytes.subarray(stringOffset, stringOffset + stringLength);
    // The empty name is the base's.
    const isOpen = base === undefined && strings[0] !== 0;
    if (isOpen || (strings.length > 0 && strings[strings.length - 1] !== 0)) {
      throw damaged("a string section without its NULs", "one that starts and ends with NUL");
    }
    return new Btf(words, strings, indexBtf(words, strings), base);
  }

  /** Number of types, void and those of the base included. */
  get size(): number {
    return this.#baseTypes + this.#starts.length;
  }

  /** Bytes of names, those of the base included. */
  get stringLength(): number {
    return this.#baseStrings + this.#strings.length;
  }

  kind(id: number): BtfKind {
    if (id === 0) return BtfKind.void;
    return ((this.#word(id, 1) >>> 24) & 0x1f) as BtfKind; // indexBtf let no other value through
  }

  name(id: number): string {
    return id === 0 ? "void" : this.#string(this.#word(id, 0));
  }

  /** The type called `name` of one of `kinds`, or `undefined`. */
  find(name: string, ...kinds: readonly BtfKind[]): number | undefined {
    if (this.#base !== undefined) {
      return this.#findOwn(name, kinds) ?? this.#base.find(name, ...kinds);
    }
    const bytes = Buffer.from(name, "latin1");
    let found: number | undefined;
    let id = this.#index.heads[bucketOf(bytes, 0, bytes.length)] ?? 0;
    // Ids get lower: the last that fits is the first of several types with one name.
    for (; id !== 0; id = this.#index.next[id] ?? 0) {
      if (kinds.includes(this.kind(id)) && this.#isNamed(this.#word(id, 0), name)) found = id;
    }
    return found;
  }

  /** The first struct or union without a name that has all `members`. */
  findAnonymous(...members: readonly string[]): number | undefined {
    for (const own of this.#index.anonymous) {
      const id = own + this.#baseTypes;
      if (this.#count(id) < members.length) continue;
      if (members.every((name) => this.#indexOf(id, name) >= 0)) return id;
    }
    return this.#base?.findAnonymous(...members);
  }

  /** The value of the enumerator called `name`, whichever enum it is in. */
  constant(name: string): bigint | undefined {
    if (!this.#constants.has(name)) this.#constants.set(name, this.#findConstant(name));
    return this.#constants.get(name);
  }

  /** Values and names of an enum; none of any other type. */
  enumerators(id: number): readonly (readonly [value: bigint, name: string])[] {
    const kind = this.kind(id);
    if (kind !== BtfKind.enum && kind !== BtfKind.enum64) return [];
    return Array.from({ length: this.#count(id) }, (_, i) => {
      const at = 3 + i * WORDS_EACH[kind];
      return [this.#enumerator(id, at), this.#string(this.#word(id, at))] as const;
    });
  }

  /** Whether an enum has negative values. */
  isSigned(id: number): boolean {
    return (this.#word(id, 1) & 0x8000_0000) !== 0;
  }

  /** Members of a struct or union, in order; none of any other type. */
  members(id: number): readonly BtfMember[] {
    if (!this.#isCompound(id)) return [];
    return Array.from({ length: this.#count(id) }, (_, i) => this.#member(id, i));
  }

  /** The member of a struct or union that is called `name` in it. */
  member(id: number, name: string): BtfMember | undefined {
    const index = this.#indexOf(id, name);
    return index < 0 ? undefined : this.#member(id, index);
  }

  /** Members without a name: structs and unions whose own members count as if they were here. */
  *anonymousMembers(id: number): Generator<BtfMember> {
    const count = this.#isCompound(id) ? this.#count(id) : 0;
    for (let i = 0; i < count; i += 1) {
      if (this.#word(id, 3 + i * 3) === 0) yield this.#member(id, i);
    }
  }

  /** The type without its typedefs, qualifiers and tags. */
  strip(id: number): number {
    let stripped = id;
    for (let i = 0; i < MAX_QUALIFIERS; i += 1) {
      switch (this.kind(stripped)) {
        case BtfKind.typedef:
        case BtfKind.volatile:
        case BtfKind.const:
        case BtfKind.restrict:
        case BtfKind.typeTag:
          stripped = this.#word(stripped, 2);
          break;
        default:
          return stripped;
      }
    }
    throw damaged(`a circle of qualifiers around type ${id}`, "a type under them");
  }

  /** What a pointer points to. */
  target(id: number): number {
    return this.#word(id, 2);
  }

  array(id: number): BtfArray {
    return { element: this.#word(id, 3), length: this.#word(id, 5) };
  }

  int(id: number): BtfInt {
    // BTF_INT_ENCODING: bits 27:24.
    const encoding = (this.#word(id, 3) >>> 24) & 0xf;
    return { signed: (encoding & 1) !== 0, bool: (encoding & 4) !== 0 };
  }

  /** The size of a type in bytes; 0 where it has none. */
  sizeOf(id: number): number {
    return this.#sizeOf(id, 0);
  }

  #sizeOf(id: number, depth: number): number {
    if (depth > MAX_QUALIFIERS) throw damaged(`a circle of arrays around type ${id}`, "an end");
    const stripped = this.strip(id);
    switch (this.kind(stripped)) {
      case BtfKind.int:
      case BtfKind.struct:
      case BtfKind.union:
      case BtfKind.enum:
      case BtfKind.enum64:
      case BtfKind.float:
      case BtfKind.datasec:
        return this.#word(stripped, 2);
      case BtfKind.ptr:
        return 8;
      case BtfKind.array: {
        const { element, length } = this.array(stripped);
        const size = length * this.#sizeOf(element, depth + 1);
        if (size > MAX_SIZE) throw damaged(`an array of ${size} bytes`, `at most ${MAX_SIZE}`);
        return size;
      }
      default:
        return 0;
    }
  }

  /** Modules have few types, and names that their base may hold: they are compared one by one. */
  #findOwn(name: string, kinds: readonly BtfKind[]): number | undefined {
    for (let id = this.#baseTypes + 1; id < this.size; id += 1) {
      if (kinds.includes(this.kind(id)) && this.#isNamed(this.#word(id, 0), name)) return id;
    }
    return undefined;
  }

  #isCompound(id: number): boolean {
    const kind = this.kind(id);
    return kind === BtfKind.struct || kind === BtfKind.union;
  }

  #member(id: number, index: number): BtfMember {
    const at = 3 + index * 3;
    const offset = this.#word(id, at + 2);
    const bitfields = (this.#word(id, 1) & 0x8000_0000) !== 0;
    return {
      name: this.#string(this.#word(id, at)),
      type: this.#word(id, at + 1),
      bitOffset: bitfields ? offset & 0xff_ffff : offset,
      bitSize: bitfields ? offset >>> 24 : 0,
    };
  }

  /** The number of the member called `name`; -1 where there is none. */
  #indexOf(id: number, name: string): number {
    const count = this.#isCompound(id) ? this.#count(id) : 0;
    for (let i = 0; i < count; i += 1) {
      if (this.#isNamed(this.#word(id, 3 + i * 3), name)) return i;
    }
    return -1;
  }

  #findConstant(name: string): bigint | undefined {
    for (const own of this.#index.enums) {
      const id = own + this.#baseTypes;
      const each = this.kind(id) === BtfKind.enum64 ? WORDS_EACH[BtfKind.enum64] : 2;
      const end = 3 + this.#count(id) * each;
      for (let at = 3; at < end; at += each) {
        if (this.#isNamed(this.#word(id, at), name)) return this.#enumerator(id, at);
      }
    }
    return this.#base?.constant(name);
  }

  /** The value of the enumerator at word `at` of an enum. */
  #enumerator(id: number, at: number): bigint {
    const low = BigInt(this.#word(id, at + 1));
    const wide = this.kind(id) === BtfKind.enum64;
    const value = wide ? (BigInt(this.#word(id, at + 2)) << 32n) | low : low;
    return this.isSigned(id) ? BigInt.asIntN(wide ? 64 : 32, value) : value;
  }

  #count(id: number): number {
    return this.#word(id, 1) & 0xffff;
  }

  #word(id: number, index: number): number {
    if (this.#base !== undefined && id <= this.#baseTypes) return this.#base.#word(id, index);
    const start = this.#starts[id - this.#baseTypes];
    const word = start === undefined ? undefined : this.#words[start + index];
    if (word === undefined) {
      throw damaged(`a reference to type ${id}`, `a type below ${this.size}`);
    }
    return word;
  }

  #string(offset: number): string {
    if (this.#base !== undefined && offset < this.#baseStrings) return this.#base.#string(offset);
    const own = offset - this.#baseStrings;
    if (own >= this.#strings.length) throw damaged(`a name at ${offset}`, "one it holds");
    return decodeText(this.#strings.subarray(own, this.#strings.indexOf(0, own)));
  }

  /** Whether the string at `offset` is `name`: compared where it is, for most are not. */
  #isNamed(offset: number, name: string): boolean {
    if (this.#base !== undefined && offset < this.#baseStrings) {
      return this.#base.#isNamed(offset, name);
    }
    const strings = this.#strings;
    const own = offset - this.#baseStrings;
    for (let i = 0; i < name.length; i += 1) {
      if (strings[own + i] !== name.charCodeAt(i)) return false;
    }
    return strings[own + name.length] === 0;
  }
}

function damaged(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "kernel/damaged",
    `Cannot parse the kernel's BTF: ${seen}, expected ${needed}.`,
  );
}
