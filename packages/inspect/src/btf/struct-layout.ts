import { CasemateError } from "@casemate/core";
import type { Btf, BtfMember } from "./btf.ts";
import { BtfKind } from "./btf-kind.ts";

/**
 * Where a member is, as seen from a struct's address: follow the pointers at `hops`, one after the
 * other, then add `offset`.
 */
export interface Place {
  readonly hops: readonly number[];
  /** In bytes. */
  readonly offset: number;
  /** BTF id, without typedefs and qualifiers. */
  readonly type: number;
  /** Of a bitfield, from the low bit of the byte at `offset`; 0 otherwise. */
  readonly bitOffset: number;
  /** 0 unless it is a bitfield. */
  readonly bitSize: number;
}

/** How deep anonymous structs and unions nest: real kernels stay below ten. */
const MAX_DEPTH = 16;
/** How many of them one name is looked for in. HOSTILE: types may hold themselves, many times over. */
const MAX_LOOKED_THROUGH = 4096;
/** The kernel's largest structs are below a megabyte. */
const MAX_OFFSET = 16 * 1024 * 1024;
const MAX_BITS = 64;
/** An index may come from an enumerator, so it may be negative. */
const STEP = /(\.|->)?(?:([A-Za-z_][A-Za-z0-9_]*)|\[(-?\d+)\])/y;

/**
 * The members of one struct or union, found by C expressions: `pid`, `se.vruntime`, `comm[0]`,
 * `real_parent->tgid`. Anonymous structs and unions are looked through, as C does.
 */
export class StructLayout {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly #btf: Btf;
  readonly #id: number;
  readonly #places = new Map<string, Place | undefined>();
  #memberNames: readonly string[] | undefined;

  constructor(btf: Btf, id: number, name: string) {
    this.#btf = btf;
    this.#id = id;
    this.name = name;
    this.size = btf.sizeOf(id);
  }

  /** Names of its own members, in order. */
  get memberNames(): readonly string[] {
    this.#memberNames ??= this.#btf.members(this.#id).map(({ name }) => name);
    return this.#memberNames;
  }

  has(path: string): boolean {
    return this.#cached(path) !== undefined;
  }

  /** The place of the first of `paths` that this kernel has. Throws `kernel/unsupported`. */
  place(...paths: readonly string[]): Place {
    for (const path of paths) {
      const place = this.#cached(path);
      if (place !== undefined) return place;
    }
    throw new CasemateError(
      "kernel/unsupported",
      `Cannot read ${this.name}: its type has no ${paths.join(" and no ")}, expected one of them.`,
    );
  }

  #cached(path: string): Place | undefined {
    if (!this.#places.has(path)) this.#places.set(path, this.#resolve(path));
    return this.#places.get(path);
  }

  #resolve(path: string): Place | undefined {
    const hops: number[] = [];
    let offset = 0;
    let type = this.#id;
    let bits = { bitOffset: 0, bitSize: 0 };
    let at = 0;
    while (at < path.length) {
      STEP.lastIndex = at;
      const step = STEP.exec(path);
      if (step === null) throw new TypeError(`${path} is no path: see position ${at}`);
      at = STEP.lastIndex;
      const [, operator, name, index] = step;
      if (operator === "->") {
        if (this.#btf.kind(type) !== BtfKind.ptr) return undefined;
        hops.push(offset);
        offset = 0;
        type = this.#btf.strip(this.#btf.target(type));
      }
      if (name !== undefined) {
        const member = findMember(this.#btf, type, name, { depth: 0, left: MAX_LOOKED_THROUGH });
        if (member === undefined) return undefined;
        const byte = Math.floor(member.bitOffset / 8);
        offset += byte;
        bits = { bitOffset: member.bitOffset - byte * 8, bitSize: member.bitSize };
        type = this.#btf.strip(member.type);
      } else {
        const kind = this.#btf.kind(type);
        if (kind !== BtfKind.array && kind !== BtfKind.ptr) return undefined;
        let element = 0;
        if (kind === BtfKind.ptr) {
          hops.push(offset);
          offset = 0;
          element = this.#btf.target(type);
        } else {
          const array = this.#btf.array(type);
          // A length of 0 or 1 may stand for a flexible array.
          if (Number(index) >= array.length && array.length > 1) return undefined;
          if (Number(index) < 0) return undefined;
          element = array.element;
        }
        offset += Number(index) * this.#btf.sizeOf(element);
        type = this.#btf.strip(element);
      }
      // HOSTILE: the types are the guest's. NaN and infinity are no offsets either.
      if (!(offset <= MAX_OFFSET) || bits.bitSize > MAX_BITS) {
        throw damaged(
          `${this.name}.${path} at ${offset}`,
          `at most ${MAX_OFFSET} bytes from its start`,
        );
      }
    }
    return { hops, offset, type, ...bits };
  }
}

/** `name` in a struct or union, or in what it holds anonymously; its offset counts from `id`. */
function findMember(
  btf: Btf,
  id: number,
  name: string,
  search: { depth: number; left: number },
): BtfMember | undefined {
  const own = btf.member(id, name);
  if (own !== undefined || search.depth === MAX_DEPTH) return own;
  search.depth += 1;
  for (const member of btf.anonymousMembers(id)) {
    search.left -= 1;
    if (search.left < 0) throw damaged(`anonymous members of type ${id} without end`, "fewer");
    const inner = findMember(btf, btf.strip(member.type), name, search);
    if (inner !== undefined) return { ...inner, bitOffset: member.bitOffset + inner.bitOffset };
  }
  search.depth -= 1;
  return undefined;
}

function damaged(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "kernel/damaged",
    `Cannot read the kernel's BTF: it has ${seen}, expected ${needed}.`,
  );
}
