import { BtfKind } from "../src/btf/btf-kind.ts";

export interface Member {
  readonly name: string;
  readonly type: number;
  /** By default after the member before it, aligned to its own size. */
  readonly bitOffset?: number;
  readonly bitSize?: number;
}

/** Two megabytes of names that no type has. */
const UNRELATED = Buffer.from(
  Array.from({ length: 100_000 }, (_, i) => `unrelated_name_${i}\0`).join(""),
  "latin1",
);

const align = (value: number, to: number) => Math.ceil(value / to) * to;

/** Makes BTF as pahole would. Types are laid out naturally unless their members say where they are. */
export class BtfBuilder {
  readonly #words: number[][] = [];
  readonly #strings = new Map<string, number>([["", 0]]);
  #stringLength = 1;
  readonly #sizes: number[] = [0];
  readonly #offsets = new Map<string, number>();

  int(name: string, size: number, signed = false): number {
    return this.#add(size, name, BtfKind.int, 0, size, ((signed ? 1 : 0) << 24) | (size * 8));
  }

  pointer(to: number): number {
    return this.#add(8, "", BtfKind.ptr, 0, to);
  }

  array(element: number, length: number): number {
    const size = (this.#sizes[element] ?? 0) * length;
    return this.#add(size, "", BtfKind.array, 0, 0, element, 1, length);
  }

  typedef(name: string, to: number): number {
    return this.#add(this.#sizes[to] ?? 0, name, BtfKind.typedef, 0, to);
  }

  constant(of: number): number {
    return this.#add(this.#sizes[of] ?? 0, "", BtfKind.const, 0, of);
  }

  enumeration(name: string, values: Readonly<Record<string, number>>): number {
    const entries = Object.entries(values);
    const words = entries.flatMap(([key, value]) => [this.#string(key), value]);
    return this.#add(4, name, BtfKind.enum, entries.length, 4, ...words);
  }

  /** A struct whose size and id exist before its members do, for pointers to itself. */
  forward(): number {
    this.#words.push([]);
    return this.#sizes.push(0) - 1;
  }

  struct(name: string, members: readonly Member[], id = this.forward()): number {
    return this.#compound(BtfKind.struct, name, members, id);
  }

  union(name: string, members: readonly Member[]): number {
    const placed = members.map((member) => ({ bitOffset: 0, ...member }));
    return this.#compound(BtfKind.union, name, placed, this.forward());
  }

  sizeOf(id: number): number {
    return this.#sizes[id] ?? 0;
  }

  /** Offset of a direct member, in bytes. */
  offsetOf(struct: string, member: string): number {
    const offset = this.#offsets.get(`${struct}.${member}`);
    if (offset === undefined) throw new Error(`no ${struct}.${member}`);
    return offset;
  }

  /** The blob; `padding` bytes of further names make it as large as a kernel's. */
  build(padding = 0): Uint8Array<ArrayBuffer> {
    const own = Buffer.from(`${[...this.#strings.keys()].join("\0")}\0`, "latin1");
    const names = Buffer.concat([own, UNRELATED.subarray(0, Math.max(0, padding - own.length))]);
    names[names.length - 1] = 0;
    const words = Uint32Array.from(this.#words.flat());
    const header = Buffer.alloc(24);
    header.writeUInt16LE(0xeb9f, 0);
    header.writeUInt8(1, 2);
    header.writeUInt32LE(24, 4);
    header.writeUInt32LE(words.byteLength, 12);
    header.writeUInt32LE(words.byteLength, 16);
    header.writeUInt32LE(names.length, 20);
    return new Uint8Array(Buffer.concat([header, Buffer.from(words.buffer), names]));
  }

  #compound(kind: BtfKind, name: string, members: readonly Member[], id: number): number {
    let end = 0;
    const bitfields = members.some((member) => (member.bitSize ?? 0) > 0);
    const words: number[] = [];
    for (const member of members) {
      const size = this.#sizes[member.type] ?? 0;
      const natural = align(end, Math.max(1, Math.min(8, size & -size)));
      const bitOffset = member.bitOffset ?? natural * 8;
      this.#offsets.set(`${name}.${member.name}`, Math.floor(bitOffset / 8));
      end = Math.max(end, Math.ceil(bitOffset / 8) + size);
      words.push(
        this.#string(member.name),
        member.type,
        bitfields ? (bitOffset | ((member.bitSize ?? 0) << 24)) >>> 0 : bitOffset,
      );
    }
    const size = align(end, 8);
    this.#sizes[id] = size;
    const info = ((bitfields ? 0x8000_0000 : 0) | (kind << 24) | members.length) >>> 0;
    this.#words[id - 1] = [this.#string(name), info, size, ...words];
    return id;
  }

  #add(size: number, name: string, kind: BtfKind, count: number, ...words: number[]): number {
    this.#words.push([this.#string(name), (kind << 24) | count, ...words]);
    return this.#sizes.push(size) - 1;
  }

  #string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const offset = this.#stringLength;
    this.#strings.set(text, offset);
    this.#stringLength += text.length + 1;
    return offset;
  }
}
