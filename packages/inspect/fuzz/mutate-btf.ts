import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BtfKind, WORDS_EACH, WORDS_ONCE } from "../src/btf/btf-kind.ts";
import type { Prng } from "./prng.ts";

/** A word of 32 bits to be changed, by its place in the BTF in bytes. */
export interface WordChange {
  readonly at: number;
  readonly value: number;
}

const MAX_CHANGES = 6;
const MAX_DEPTH = 6;
const WORDS = [0, 1, 2, 3, 7, 64, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;

/** Changes types of a kernel's BTF that views read, so that it stays one that can be parsed, mostly. */
export class BtfMutator {
  readonly #words: Uint32Array;
  readonly #typesAt: number;
  /** Word index by id. */
  readonly #starts: number[] = [0];
  /** Ids of structs that the engine asks for by name. */
  readonly #used: number[] = [];

  /** @param bytes a whole and sound BTF. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = view.getUint32(4, true);
    this.#typesAt = header + view.getUint32(8, true);
    this.#words = new Uint32Array(view.getUint32(12, true) / 4);
    for (let i = 0; i < this.#words.length; i += 1) {
      this.#words[i] = view.getUint32(this.#typesAt + i * 4, true);
    }
    const strings = header + view.getUint32(16, true);
    const used = usedNames();
    for (let at = 0; at < this.#words.length; ) {
      const info = this.#words[at + 1] ?? 0;
      const kind = (info >>> 24) & 0x1f;
      const name = Buffer.from(bytes.buffer, bytes.byteOffset + strings + (this.#words[at] ?? 0));
      if (kind === BtfKind.struct || kind === BtfKind.union) {
        const length = name.indexOf(0);
        if (used.has(name.toString("latin1", 0, length))) this.#used.push(this.#starts.length);
      }
      this.#starts.push(at);
      at += 3 + (info & 0xffff) * (WORDS_EACH[kind] ?? 0) + (WORDS_ONCE[kind] ?? 0);
    }
  }

  /** Some words to be changed. */
  plan(prng: Prng): readonly WordChange[] {
    return Array.from({ length: 1 + prng.below(MAX_CHANGES) }, () => this.#change(prng));
  }

  #change(prng: Prng): WordChange {
    let id = prng.pick(this.#used);
    for (let depth = 0; ; depth += 1) {
      const start = this.#starts[id] ?? 0;
      const info = this.#words[start + 1] ?? 0;
      const kind = (info >>> 24) & 0x1f;
      const count = info & 0xffff;
      const isCompound = kind === BtfKind.struct || kind === BtfKind.union;
      const member = isCompound && count > 0 ? start + 3 + 3 * prng.below(count) : undefined;
      if (depth < MAX_DEPTH && prng.oneIn(2)) {
        // Deeper: to the type of a member, the element of an array, what a pointer points to.
        const next =
          this.#words[member !== undefined ? member + 1 : start + (kind === BtfKind.array ? 3 : 2)];
        if (next !== undefined && next > 0 && next < this.#starts.length && hasTarget(kind)) {
          id = next;
          continue;
        }
      }
      const word =
        member !== undefined && !prng.oneIn(4)
          ? member + prng.below(3)
          : start + pickWord(kind, prng);
      return { at: this.#typesAt + word * 4, value: this.#value(word, id, prng) };
    }
  }

  #value(word: number, id: number, prng: Prng): number {
    const before = this.#words[word] ?? 0;
    switch (prng.below(6)) {
      case 0:
        return (before ^ (1 << prng.below(32))) >>> 0;
      case 1:
        return prng.pick(WORDS);
      case 2:
        return id; // a circle
      case 3:
        return prng.pick(this.#used);
      case 4:
        return prng.below(this.#starts.length);
      default:
        return prng.u32();
    }
  }
}

function hasTarget(kind: number): boolean {
  return (
    kind !== BtfKind.int && kind !== BtfKind.enum && kind !== BtfKind.enum64 && kind !== BtfKind.fwd
  );
}

/** A word of a type besides its members: size or type, length and element of an array, bits of an int. */
function pickWord(kind: number, prng: Prng): number {
  if (kind === BtfKind.array) return 3 + prng.below(3);
  if (kind === BtfKind.int) return 2 + prng.below(2);
  return prng.oneIn(8) ? 1 : 2;
}

/** Names of structs in the engine's own source, so that new views are aimed at from their first day. */
function usedNames(): ReadonlySet<string> {
  const names = new Set<string>();
  const source = join(import.meta.dirname, "..", "src");
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const text = readFileSync(join(source, file), "utf8");
    for (const [, name = ""] of text.matchAll(/(?:struct|layout)\("(\w+)"\)/g)) names.add(name);
  }
  return names;
}
