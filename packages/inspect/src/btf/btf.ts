import { CasemateError } from "@casemate/core";
import { decodeText } from "../decode-text.ts";
import { BtfKind, WORDS_EACH, WORDS_ONCE } from "./btf-kind.ts";

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

const BUCKETS = 1 << 15;
/** Typedefs, qualifiers and tags on one type: real kernels have fewer than ten. */
const MAX_QUALIFIERS = 64;
const MAX_TYPES = 4_000_000;

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
  /** Word index of each type, by id; id 0 is void. */
  readonly #starts: Uint32Array;
  readonly #heads = new Int32Array(BUCKETS).fill(-1);
  readonly #chain: number[] = [];
  readonly #named: number[] = [];
  #constants: Map<string, bigint> | undefined;

  private constructor(words: Uint32Array, strings: Uint8Array, starts: Uint32Array) {
    this.#words = words;
    this.#strings = strings;
    this.#starts = starts;
    this.#indexNames();
  }

  /** Parses a whole BTF blob, header included, in place. Throws `kernel/damaged`. */
  static parse(bytes: Uint8Array<ArrayBuffer>): Btf {
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
    if (strings.length === 0 || strings[0] !== 0 || strings[strings.length - 1] !== 0) {
      throw damaged("a string section without its NULs", "one that starts and ends with NUL");
    }
    return new Btf(words, strings, findStarts(words));
  }

  /** Number of types, void included. */
  get size(): number {
    return this.#starts.length;
  }

  kind(id: number): BtfKind {
    if (id === 0) return BtfKind.void;
    return ((this.#word(id, 1) >>> 24) & 0x1f) as BtfKind; // findStarts let no other value through
  }

  name(id: number): string {
    return id === 0 ? "void" : this.#string(this.#word(id, 0));
  }

  /** The type called `name` of one of `kinds`, or `undefined`. */
  find(name: string, ...kinds: readonly BtfKind[]): number | undefined {
    const bytes = Buffer.from(name, "latin1");
    let entry = this.#heads[hash(bytes, 0, bytes.length)] ?? -1;
    while (entry >= 0) {
      const id = this.#named[entry] ?? 0;
      if (kinds.includes(this.kind(id)) && this.#equals(this.#word(id, 0), bytes)) return id;
      entry = this.#chain[entry] ?? -1;
    }
    return undefined;
  }

  /** The first struct or union without a name that has all `members`. */
  findAnonymous(...members: readonly string[]): number | undefined {
    const wanted = members.map((member) => this.#findString(member));
    const words = this.#words;
    const starts = this.#starts;
    for (let id = 1; id < starts.length; id += 1) {
      const start = starts[id] ?? 0;
      if (words[start] !== 0) continue;
      const info = words[start + 1] ?? 0;
      const kind = (info >>> 24) & 0x1f;
      const count = info & 0xffff;
      if ((kind !== BtfKind.struct && kind !== BtfKind.union) || count < wanted.length) continue;
      if (wanted.every((name) => this.#hasMember(start, count, name))) return id;
    }
    return undefined;
  }

  /** The value of the enumerator called `name`, whichever enum it is in. */
  constant(name: string): bigint | undefined {
    if (this.#constants === undefined) {
      const constants = new Map<string, bigint>();
      for (let id = 1; id < this.size; id += 1) {
        for (const [value, enumerator] of this.enumerators(id)) {
          if (!constants.has(enumerator)) constants.set(enumerator, value);
        }
      }
      this.#constants = constants;
    }
    return this.#constants.get(name);
  }

  /** Values and names of an enum; none of any other type. */
  enumerators(id: number): readonly (readonly [value: bigint, name: string])[] {
    const kind = this.kind(id);
    if (kind !== BtfKind.enum && kind !== BtfKind.enum64) return [];
    const signed = this.isSigned(id);
    const each = WORDS_EACH[kind];
    return Array.from({ length: this.#count(id) }, (_, i) => {
      const at = 3 + i * each;
      const low = BigInt(this.#word(id, at + 1));
      const high = kind === BtfKind.enum64 ? BigInt(this.#word(id, at + 2)) : 0n;
      const value = (high << 32n) | low;
      const bits = kind === BtfKind.enum64 ? 64 : 32;
      return [
        signed ? BigInt.asIntN(bits, value) : value,
        this.#string(this.#word(id, at)),
      ] as const;
    });
  }

  /** Whether an enum has negative values. */
  isSigned(id: number): boolean {
    return (this.#word(id, 1) & 0x8000_0000) !== 0;
  }

  /** Members of a struct or union, in order; none of any other type. */
  members(id: number): readonly BtfMember[] {
    const kind = this.kind(id);
    if (kind !== BtfKind.struct && kind !== BtfKind.union) return [];
    const bitfields = (this.#word(id, 1) & 0x8000_0000) !== 0;
    return Array.from({ length: this.#count(id) }, (_, i) => {
      const at = 3 + i * 3;
      const offset = this.#word(id, at + 2);
      return {
        name: this.#string(this.#word(id, at)),
        type: this.#word(id, at + 1),
        bitOffset: bitfields ? offset & 0xff_ffff : offset,
        bitSize: bitfields ? offset >>> 24 : 0,
      };
    });
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
        return length * this.#sizeOf(element, depth + 1);
      }
      default:
        return 0;
    }
  }

  #hasMember(start: number, count: number, name: number): boolean {
    for (let i = 0; i < count; i += 1) if (this.#words[start + 3 + i * 3] === name) return true;
    return false;
  }

  /** Where a string is; each is there once. -1 where it is not. */
  #findString(text: string): number {
    const { buffer, byteOffset, length } = this.#strings;
    const at = Buffer.from(buffer, byteOffset, length).indexOf(`\0${text}\0`, 0, "latin1");
    return at < 0 ? -1 : at + 1;
  }

  #count(id: number): number {
    return this.#word(id, 1) & 0xffff;
  }

  #word(id: number, index: number): number {
    const start = this.#starts[id];
    const word = start === undefined ? undefined : this.#words[start + index];
    if (word === undefined) {
      throw damaged(`a reference to type ${id}`, `a type below ${this.size}`);
    }
    return word;
  }

  #string(offset: number): string {
    if (offset >= this.#strings.length) throw damaged(`a name at ${offset}`, "one it holds");
    return decodeText(this.#strings.subarray(offset, this.#strings.indexOf(0, offset)));
  }

  #equals(offset: number, name: Uint8Array): boolean {
    const strings = this.#strings;
    for (let i = 0; i < name.length; i += 1) if (strings[offset + i] !== name[i]) return false;
    return strings[offset + name.length] === 0;
  }

  #indexNames(): void {
    const words = this.#words;
    const strings = this.#strings;
    const starts = this.#starts;
    const heads = this.#heads;
    // Backwards, so that the first of several types with one name comes first in its chain.
    for (let id = starts.length - 1; id > 0; id -= 1) {
      const start = starts[id] ?? 0;
      const name = words[start] ?? 0;
      if (name === 0 || name >= strings.length) continue;
      if (INDEXED[((words[start + 1] ?? 0) >>> 24) & 0x1f] === 0) continue;
      const bucket = hash(strings, name, strings.length);
      this.#chain.push(heads[bucket] ?? -1);
      heads[bucket] = this.#named.push(id) - 1;
    }
  }
}

/** 1 for the kinds that are looked for by name. */
const INDEXED = new Uint8Array(32);
for (const kind of [
  BtfKind.struct,
  BtfKind.union,
  BtfKind.enum,
  BtfKind.enum64,
  BtfKind.typedef,
  BtfKind.var,
  BtfKind.int,
]) {
  INDEXED[kind] = 1;
}

/** FNV-1a of the string at `start`, up to its NUL or `end`, folded to a bucket. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c_9dc5;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i] ?? 0;
    if (byte === 0) break;
    value = Math.imul(value ^ byte, 0x0100_0193);
  }
  return (value ^ (value >>> 15)) & (BUCKETS - 1);
}

/** Word index of each type; index 0 stands for void. Throws `kernel/damaged` where types do not add up. */
function findStarts(words: Uint32Array): Uint32Array {
  const starts = new Uint32Array(Math.min(Math.floor(words.length / 3), MAX_TYPES) + 1);
  let id = 1;
  let at = 0;
  while (at < words.length) {
    const info = words[at + 1] ?? 0;
    const kind = (info >>> 24) & 0x1f;
    if (kind === BtfKind.void || kind > BtfKind.enum64 || id >= starts.length) {
      throw damaged(`type ${id} of kind ${kind}`, "a kind that is known");
    }
    starts[id] = at;
    id += 1;
    at += 3 + (info & 0xffff) * (WORDS_EACH[kind] ?? 0) + (WORDS_ONCE[kind] ?? 0);
  }
  if (at !== words.length) throw damaged("a last type that goes on after it", "a whole one");
  return starts.slice(0, id);
}

function damaged(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "kernel/damaged",
    `Cannot parse the kernel's BTF: ${seen}, expected ${needed}.`,
  );
}
