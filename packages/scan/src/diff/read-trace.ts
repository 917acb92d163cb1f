import { randomBytes } from "node:crypto";
import { KiB } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";

const SINK_BYTES = 256 * KiB;
/** What no guest can have written there. */
const PATTERN_BYTES = 32;

/** Bytes that would have been read from a file to a place in the sink. */
interface TracedRead {
  readonly identity: string;
  readonly offset: number;
  /** In the sink. */
  readonly at: number;
  readonly length: number;
}

/**
 * Says where bytes are without reading them: two files whose bytes are at the same places of the same image are
 * the same, however many formats are between.
 *
 * Readers fill their caller's own bytes down to the image's file: a read into the sink of this trace is noted
 * there and not made. What a format makes up or unpacks (holes, compressed clusters) is in the sink itself.
 */
export class ReadTrace {
  /** With memory of its own: nothing else has a part of it. */
  readonly #sink = Buffer.from(new ArrayBuffer(SINK_BYTES));
  readonly #clean = Buffer.alloc(SINK_BYTES, randomBytes(PATTERN_BYTES));
  #reads: TracedRead[] = [];

  /** The file of an image, read as it is but by this trace. @param identity the same for the same file alone */
  through(file: BlockReader, identity: string): BlockReader {
    return {
      size: file.size,
      read: (offset, target) => {
        if (target.buffer !== this.#sink.buffer || offset + target.length > file.size) {
          file.read(offset, target);
        } else {
          this.#reads.push({ identity, offset, at: target.byteOffset, length: target.length });
        }
      },
    };
  }

  /**
   * Whether `length` bytes from `offset` on, `TRACE_BYTES` at most, are known to be the same in both. Where they are
   * not, they may still be: they must be read to say. Throws `disk/*`.
   */
  isSame(one: BlockReader, other: BlockReader, offset: number, length: number): boolean {
    const first = this.#trace(one, offset, length);
    return first !== undefined && first === this.#trace(other, offset, length);
  }

  /** Where the bytes are, and those that are not anywhere as they are; `undefined` where nobody can tell. */
  #trace(contents: BlockReader, offset: number, length: number): string | undefined {
    const sink = this.#sink.subarray(0, length);
    this.#clean.copy(sink, 0, 0, length);
    this.#reads = [];
    contents.read(offset, sink);
    let place = "";
    const others: string[] = [];
    let end = 0;
    for (const { identity, offset: from, at, length: count } of joined(this.#reads)) {
      // Read twice to one place, or changed after it was read: it is not where it seems to be.
      if (at < end || !sink.subarray(at, at + count).equals(this.#clean.subarray(at, at + count))) {
        return undefined;
      }
      if (at > end) others.push(sink.toString("latin1", end, at));
      place += `${identity} ${from} ${at} ${count};`;
      end = at + count;
    }
    if (end < length) others.push(sink.toString("latin1", end, length));
    // HOSTILE: the bytes are the guest's, and may look like places.
    return `${place.length}:${place}${others.join("")}`;
  }
}

/** Reads that go on where the one before ended are one: how a format cuts them says nothing. */
function joined(reads: readonly TracedRead[]): readonly TracedRead[] {
  const whole: TracedRead[] = [];
  for (const read of reads) {
    const last = whole.at(-1);
    const goesOn =
      last?.identity === read.identity &&
      last.offset + last.length === read.offset &&
      last.at + last.length === read.at;
    if (goesOn) whole.splice(-1, 1, { ...last, length: last.length + read.length });
    else whole.push(read);
  }
  return whole;
}

/** In bytes: as much as may be compared at once. */
export const TRACE_BYTES = SINK_BYTES;
