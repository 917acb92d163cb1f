import type { Column } from "./columns.ts";

/** Texts by number, each once; 0 is the empty text. */
export class StringTableBuilder {
  readonly #numbers = new Map<string, number>([["", 0]]);

  /** The text's number. */
  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }

  /** All bytes, and where each text ends. */
  finish(): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
    const texts = [...this.#numbers.keys()].map((text) => Buffer.from(text));
    const ends = new Uint32Array(texts.length);
    let end = 0;
    texts.forEach((text, i) => {
      end += text.length;
      ends[i] = end;
    });
    return { bytes: Buffer.concat(texts), ends };
  }
}

/** Reads what a `StringTableBuilder` made; each text becomes a string when it is first asked for. */
export class StringTable {
  readonly #bytes: Buffer;
  readonly #ends: Column;
  readonly #texts: (string | undefined)[] = [];

  constructor(bytes: Column, ends: Column) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#ends = ends;
  }

  text(number: number): string {
    const known = this.#texts[number];
    if (known !== undefined) return known;
    const start = number === 0 ? 0 : (this.#ends[number - 1] ?? 0);
    const text = this.#bytes.toString("utf8", start, this.#ends[number] ?? start);
    this.#texts[number] = text;
    return text;
  }
}
