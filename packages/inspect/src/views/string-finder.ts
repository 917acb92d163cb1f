import { type Gva, gva } from "@casemate/core";

/** Shorter texts are mostly chance. */
const MIN_LENGTH = 6;
/** Longer ones come in parts. */
const MAX_LENGTH = 32 * 1024;

/** 1 for what `strings` calls printable in ASCII: the space to the tilde, and the tab. */
const PRINTABLE = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte >= 0x20 && byte <= 0x7e) || byte === 0x09 ? 1 : 0,
);

/** Finds texts in a stream of bytes; one that goes on in the next bytes is found whole. */
export class StringFinder {
  readonly #found: (address: Gva, text: string) => void;
  #open = "";
  #openAt: Gva = gva(0n);
  #expected: bigint = -1n;

  constructor(found: (address: Gva, text: string) => void) {
    this.#found = found;
  }

  /** The next bytes; if they do not follow on those before, a text ends between. */
  add(address: Gva, bytes: Uint8Array): void {
    if (this.#expected !== address) this.end();
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const { length } = bytes;
    let start = 0;
    for (let i = 0; i < length; i += 1) {
      if (PRINTABLE[bytes[i] ?? 0] === 1) continue;
      if (i - start + this.#open.length >= MIN_LENGTH) this.#take(address, text, start, i);
      this.#flush();
      start = i + 1;
    }
    if (start < length) this.#take(address, text, start, length);
    this.#expected = address + BigInt(length);
  }

  /** No more bytes follow. */
  end(): void {
    this.#flush();
    this.#expected = -1n;
  }

  #take(address: Gva, text: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      if (this.#open === "") this.#openAt = gva(address + BigInt(at));
      const count = Math.min(end - at, MAX_LENGTH - this.#open.length);
      this.#open += text.toString("latin1", at, at + count);
      at += count;
      if (this.#open.length === MAX_LENGTH) this.#flush();
    }
  }

  #flush(): void {
    if (this.#open.length >= MIN_LENGTH) this.#found(this.#openAt, this.#open);
    this.#open = "";
  }
}
