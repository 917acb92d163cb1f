import { CasemateError } from "./casemate-error.ts";
import type { ErrorCode } from "./error-catalogue.ts";

/**
 * A bounds-checked little-endian cursor over bytes that somebody else controls.
 *
 * Every read names itself in the error it throws: what was read, where, and how much was there.
 */
export class BinaryReader {
  readonly #view: DataView;
  readonly #what: string;
  readonly #code: ErrorCode;
  offset = 0;

  /** @param what names the bytes in errors; @param code is the error a short read becomes. */
  constructor(bytes: Uint8Array, what: string, code: ErrorCode) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#code = code;
  }

  get length(): number {
    return this.#view.byteLength;
  }

  get remaining(): number {
    return this.#view.byteLength - this.offset;
  }

  seek(offset: number): this {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.length) {
      throw this.#short("seek", offset, 0);
    }
    this.offset = offset;
    return this;
  }

  skip(length: number): this {
    return this.seek(this.offset + length);
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#take(field, 1));
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#take(field, 2), true);
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#take(field, 4), true);
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#take(field, 8), true);
  }

  /** `length` bytes, not copied. */
  bytes(field: string, length: number): Uint8Array {
    const at = this.#take(field, length);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
  }

  #take(field: string, length: number): number {
    const at = this.offset;
    if (!Number.isSafeInteger(length) || length < 0 || at + length > this.length) {
      throw this.#short(field, at, length);
    }
    this.offset = at + length;
    return at;
  }

  #short(field: string, at: number, length: number): CasemateError {
    return new CasemateError(
      this.#code,
      `Cannot read ${field} of ${this.#what}: ${this.length} bytes are there, expected ${length} at offset ${at}.`,
    );
  }
}
