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
    return this.bytes(at, 1)[0] ?? 0;
  }

  i32(at: CodeAddress): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.bytes(at, 4);
    return a | (b << 8) | (c << 16) | (d << 24);
  }

  write(at: CodeAddress, bytes: ArrayLike<number>): void {
    const place = this.bytes(at, bytes.length);
    if (place.length === bytes.length) place.set(bytes);
  }

  #find(at: CodeAddress, length: number): CodeSegment | undefined {
    for (const segment of this.segments) {
      const offset = at - segment.start;
      if (offset >= 0 && offset + length <= segment.bytes.length) return segment;
    }
    return undefined;
  }
}
