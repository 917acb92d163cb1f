import { CasemateError } from "@casemate/core";
import { BtfKind, WORDS_EACH, WORDS_ONCE } from "./btf-kind.ts";

/** Where types are, and how they are found by name: arrays and nothing else, so that it can be kept. */
export interface BtfIndex {
  /** Word index of each type, by id; id 0 is void. */
  readonly starts: Uint32Array;
  /** By the hash of a name, the highest id in that bucket; 0 where there is none. */
  readonly heads: Uint32Array;
  /** By id, the next lower id in its bucket; 0 at the end. */
  readonly next: Uint32Array;
  /** Ids of enums. */
  readonly enums: Uint32Array;
  /** Ids of structs and unions without a name. */
  readonly anonymous: Uint32Array;
}

const BUCKETS = 1 << 15;
const MAX_TYPES = 4_000_000;

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
export function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c_9dc5;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i] ?? 0;
    if (byte === 0) break;
    value = Math.imul(value ^ byte, 0x0100_0193);
  }
  return (value ^ (value >>> 15)) & (BUCKETS - 1);
}

/**
 * Walks all types once. Throws `kernel/damaged` where they do not add up.
 *
 * HOSTILE: the bytes are the guest's; ids in chains only ever get lower, so that all end.
 */
export function indexBtf(words: Uint32Array, strings: Uint8Array): BtfIndex {
  const most = Math.min(Math.floor(words.length / 3), MAX_TYPES) + 1;
  const starts = new Uint32Array(most);
  const next = new Uint32Array(most);
  const heads = new Uint32Array(BUCKETS);
  const enums: number[] = [];
  const anonymous: number[] = [];
  let id = 1;
  let at = 0;
  while (at < words.length) {
    const name = words[at] ?? 0;
    const info = words[at + 1] ?? 0;
    const kind = (info >>> 24) & 0x1f;
    if (kind === BtfKind.void || kind > BtfKind.enum64 || id >= most) {
      throw damaged(`type ${id} of kind ${kind}`, "a kind that is known");
    }
    starts[id] = at;
    if (name !== 0 && name < strings.length && INDEXED[kind] === 1) {
      const bucket = bucketOf(strings, name, strings.length);
      next[id] = heads[bucket] ?? 0;
      heads[bucket] = id;
    }
    if (kind === BtfKind.enum || kind === BtfKind.enum64) enums.push(id);
    else if (name === 0 && (kind === BtfKind.struct || kind === BtfKind.union)) anonymous.push(id);
    id += 1;
    at += 3 + (info & 0xffff) * (WORDS_EACH[kind] ?? 0) + (WORDS_ONCE[kind] ?? 0);
  }
  if (at !== words.length) throw damaged("a last type that goes on after it", "a whole one");
  return {
    starts: starts.slice(0, id),
    heads,
    next: next.slice(0, id),
    enums: Uint32Array.from(enums),
    anonymous: Uint32Array.from(anonymous),
  };
}

function damaged(seen: string, needed: string): CasemateError {
  return new CasemateError(
    "kernel/damaged",
    `Cannot parse the kernel's BTF: ${seen}, expected ${needed}.`,
  );
}
