import { NameHashes } from "./name-hashes.ts";
import { type KallsymsBlob, MARKER_SPACING } from "./parse-kallsyms.ts";

/** `MAX_NAME` in kernels is 512 (KSYM_NAME_LEN). */
const MAX_NAME = 1024;
/** HOSTILE: a guest may make all names equal, or others that take as long to tell apart. */
const MAX_EQUAL = 4096;
const MAX_UNEQUAL = 1024;
/** How many names are kept once they were spelled: detectors ask for the same ones of every guest of a build. */
const MAX_SPELLED = 16_384;

/** Where a symbol is: counted from `_text`, or an absolute number (per-CPU variables before 6.15). */
export interface SymbolPlace {
  readonly offset: number;
  readonly absolute: boolean;
}

/** The first character of a symbol is its type letter, as `nm` gives it. */
interface SpelledSymbol {
  readonly name: string;
  readonly type: string;
}

/**
 * The symbols of one kernel build, wherever it was loaded.
 *
 * Names stay compressed; one is only spelled out to compare or to show it. Kernels since 6.2 keep their
 * symbols' order by name, so that a name is found by halving; for older ones there is an index of hashes.
 *
 * HOSTILE: names and offsets come out of guest memory; sizes were checked when they were parsed.
 */
export class SymbolTable {
  readonly count: number;
  readonly #blob: KallsymsBlob;
  readonly #hashes: NameHashes | undefined;
  readonly #known = new Map<string, SymbolPlace | undefined>();
  readonly #spelled = new Map<number, SpelledSymbol>();
  /** What names are made of. */
  readonly #tokens: readonly string[];
  /** The value of `_text`, on the scale of `#value`. */
  readonly #text: number;

  constructor(blob: KallsymsBlob) {
    this.#blob = blob;
    this.count = blob.count;
    this.#tokens = Array.from(blob.tokenIndex, (start) => spellToken(blob.tokenTable, start));
    this.#hashes = blob.sequence === undefined ? new NameHashes(blob) : undefined;
    const text = this.#indexOf("_text") ?? this.#indexOf("_stext");
    this.#text = text === undefined ? 0 : this.#value(text);
  }

  /** The first symbol called `name`, in the order of addresses. */
  find(name: string): SymbolPlace | undefined {
    if (!this.#known.has(name)) {
      const index = this.#indexOf(name);
      this.#known.set(name, index === undefined ? undefined : this.#place(index));
    }
    return this.#known.get(name);
  }

  /** All symbols called `name`: static ones may share it. */
  findAll(name: string): readonly SymbolPlace[] {
    return [...this.#walkNamed(name)].map((index) => this.#place(index));
  }

  /** Name, type letter and distance of the symbol at or before `offset` (from `_text`). */
  at(offset: number): { name: string; type: string; distance: number } | undefined {
    const after = this.#firstFrom(offset + 1);
    if (after === 0) return undefined;
    const last = this.#place(after - 1);
    if (last.absolute) return undefined;
    // The first of several at one address is the one the kernel shows.
    const { name, type } = this.#spell(this.#firstFrom(last.offset));
    return { name, type, distance: offset - last.offset };
  }

  /** The first symbol that is not absolute (those come first) and not before `offset`; they are sorted. */
  #firstFrom(offset: number): number {
    const { offsets, addressing } = this.#blob;
    const mayBeAbsolute = addressing === "absolute-percpu";
    const value = offset + this.#text;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const isAbsolute = mayBeAbsolute && (offsets[middle] ?? 0) >= 0;
      if (isAbsolute || this.#value(middle) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Every symbol in the order of addresses. */
  *walk(): Generator<SymbolPlace & { readonly name: string; readonly type: string }> {
    for (let index = 0; index < this.count; index += 1) {
      yield { ...split(this.#expand(index)), ...this.#place(index) };
    }
  }

  #place(index: number): SymbolPlace {
    const raw = this.#blob.offsets[index] ?? 0;
    if (this.#blob.addressing === "absolute-percpu" && raw >= 0) {
      return { offset: raw, absolute: true };
    }
    return { offset: this.#value(index) - this.#text, absolute: false };
  }

  /** The address of a symbol that is not absolute, from `relative_base` or from `kallsyms_offsets`. */
  #value(index: number): number {
    const raw = this.#blob.offsets[index] ?? 0;
    switch (this.#blob.addressing) {
      case "base":
        return raw;
      case "absolute-percpu":
        return -1 - raw;
      case "place":
        return raw + index * 4;
    }
  }

  #indexOf(name: string): number | undefined {
    for (const index of this.#walkNamed(name)) return index;
    return undefined;
  }

  /** Numbers of the symbols called `name`, lowest first. */
  *#walkNamed(name: string): Generator<number> {
    let equal = 0;
    let unequal = 0;
    for (const index of this.#hashes?.candidates(name) ?? this.#walkFrom(name)) {
      if (this.#spell(index).name === name) {
        yield index;
        equal += 1;
      } else if (this.#hashes === undefined) return;
      else unequal += 1;
      if (equal === MAX_EQUAL || unequal === MAX_UNEQUAL) return;
    }
  }

  /** Symbols in the order of names, from the first that is not before `name`; equal names by address. */
  *#walkFrom(name: string): Generator<number> {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#spell(this.#inOrder(middle)).name < name) low = middle + 1;
      else high = middle;
    }
    for (; low < this.count; low += 1) yield this.#inOrder(low);
  }

  #inOrder(place: number): number {
    const sequence = this.#blob.sequence ?? [];
    const at = place * 3;
    return ((sequence[at] ?? 0) << 16) | ((sequence[at + 1] ?? 0) << 8) | (sequence[at + 2] ?? 0);
  }

  /** Where the name of symbol `index` begins: `get_symbol_offset`. */
  #position(index: number): number {
    const { names, markers } = this.#blob;
    let at = markers[Math.floor(index / MARKER_SPACING)] ?? 0;
    for (let i = index % MARKER_SPACING; i > 0; i -= 1) {
      const length = names[at] ?? 0;
      at += length < 0x80 ? 1 + length : 2 + ((length & 0x7f) | ((names[at + 1] ?? 0) << 7));
    }
    return at;
  }

  #spell(index: number): SpelledSymbol {
    const known = this.#spelled.get(index);
    if (known !== undefined) return known;
    const spelled = split(this.#expand(index));
    if (this.#spelled.size < MAX_SPELLED) this.#spelled.set(index, spelled);
    return spelled;
  }

  /** Type letter and name, out of the tokens that they are made of: `kallsyms_expand_symbol`. */
  #expand(index: number): string {
    const { names } = this.#blob;
    let at = this.#position(index);
    let length = names[at] ?? 0;
    at += 1;
    if (length >= 0x80) {
      length = (length & 0x7f) | ((names[at] ?? 0) << 7);
      at += 1;
    }
    let text = "";
    for (let i = 0; i < length && text.length < MAX_NAME; i += 1) {
      text += this.#tokens[names[at + i] ?? 0] ?? "";
    }
    return text;
  }
}

function split(text: string): SpelledSymbol {
  return { name: text.slice(1), type: text.slice(0, 1) };
}

/** The token that begins at `start`, up to its NUL. HOSTILE: there may be none for long. */
function spellToken(table: Uint8Array, start: number): string {
  const token = table.subarray(start, start + MAX_NAME);
  const end = token.indexOf(0);
  return Buffer.from(end < 0 ? token : token.subarray(0, end)).toString("latin1");
}
