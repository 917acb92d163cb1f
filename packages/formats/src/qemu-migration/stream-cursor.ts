import { CasemateError } from "@casemate/core";
import type { ReadAt } from "../read-at.ts";

/** What is read at once after a jump: a page's header, or some dozens of zero pages' headers. */
const FIRST_BYTES = 512;
/** What is read at once at most, where headers follow headers. */
const MOST_BYTES = 64 * 1024;

/**
 * A cursor over a QEMU migration stream: big-endian, and made to read headers and jump over pages.
 *
 * Every read throws `dump/truncated` where the file ends before.
 */
export class StreamCursor {
  readonly #readAt: ReadAt;
  readonly #size: number;
  #buffer: DataView = new DataView(new ArrayBuffer(0));
  #bufferStart = 0;
  #position: number;
  #readBytes = FIRST_BYTES;

  constructor(readAt: ReadAt, start: number, size: number) {
    this.#readAt = readAt;
    this.#position = start;
    this.#size = size;
  }

  /** Byte of the file that is read next. */
  get position(): number {
    return this.#position;
  }

  u8(field: string): number {
    const at = this.#take(1, field);
    return this.#buffer.getUint8(at);
  }

  u16(field: string): number {
    const at = this.#take(2, field);
    return this.#buffer.getUint16(at);
  }

  u32(field: string): number {
    const at = this.#take(4, field);
    return this.#buffer.getUint32(at);
  }

  /** The next byte, which stays the next. */
  peek(): number {
    const byte = this.u8("a section type");
    this.#position -= 1;
    return byte;
  }

  /** A text behind its length in one byte, as QEMU writes ids. */
  counted(field: string): string {
    return this.text(this.u8(field), field);
  }

  text(length: number, field: string): string {
    const at = this.#take(length, field) + this.#buffer.byteOffset;
    return Buffer.from(this.#buffer.buffer, at, length).toString("latin1");
  }

  skip(length: number, field: string): void {
    if (length > this.#size - this.#position) throw this.#short(length, field);
    this.#position += length;
  }

  /** Where in the buffer the next `length` bytes are; may put another buffer in its place. */
  #take(length: number, field: string): number {
    const at = this.#position - this.#bufferStart;
    this.#position += length;
    if (at >= 0 && at + length <= this.#buffer.byteLength) return at;
    const start = this.#bufferStart + at;
    // Where headers follow headers, ever more of them are read at once; a jump starts small again.
    const follows = at >= 0 && at <= this.#buffer.byteLength;
    this.#readBytes = follows ? Math.min(this.#readBytes * 2, MOST_BYTES) : FIRST_BYTES;
    const bytes = this.#readAt(start, Math.max(length, this.#readBytes));
    if (bytes.length < length) throw this.#short(length, field);
    this.#buffer = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bufferStart = start;
    return 0;
  }

  #short(length: number, field: string): CasemateError {
    return new CasemateError(
      "dump/truncated",
      `Cannot read ${field} of a QEMU migration stream: the file ends at byte ${this.#size}, expected ${length} bytes more.`,
    );
  }
}
