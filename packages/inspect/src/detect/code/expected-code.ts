import type { CodeAddress } from "@casemate/formats/kernel-code";

/** A run of code, writable. */
export interface CodeSegment {
  readonly start: CodeAddress;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Code as it should be in memory, at the addresses where it is there. The first segment is what is compared. */
export class ExpectedCode {
  readonly segments: readonly CodeSegment[];

  constructor(segments: readonly CodeSegment[]) {
    this.segments = segments;
  }

  has(at: CodeAddress, length: number): boolean {
    return this.#find(at, length) !== undefined;
  }

  /** `length` bytes at `at`, not copied: writing to them changes what is expected. Empty where it is not code. */
  bytes(at: CodeAddress, length: number): Uint8Array<ArrayBuffer> {
    const segment = this.#find(at, length);
    if (segment === undefined) return new Uint8Array();
    return segment.bytes.subarray(at - segment.start, at - segment.start + length);
  }

  u8(at: CodeAddress): number {
    const segment = this.#find(at, 1);
    return segment?.bytes[at - segment.start] ?? 0;
  }

  i32(at: CodeAddress): number {
    return this.u8(at) | (this.u8(at + 1) << 8) | (this.u8(at + 2) << 16) | (this.u8(at + 3) << 24);
  }

  write(at: CodeAddress, bytes: ArrayLike<number>): void {
    const segment = this.#find(at, bytes.length);
    if (segment === undefined) return;
    const offset = at - segment.start;
    for (let i = 0; i < bytes.length; i += 1) segment.bytes[offset + i] = bytes[i] ?? 0;
  }

  #find(at: CodeAddress, length: number): CodeSegment | undefined {
    // By number: this is asked for every place that is patched, and there are a hundred thousand.
    for (let i = 0; i < this.segments.length; i += 1) {
      const segment = this.segments[i];
      if (segment === undefined) break;
      const offset = at - segment.start;
      if (offset >= 0 && offset + length <= segment.bytes.length) return segment;
    }
    return undefined;
  }
}
