import type { MemoryRange } from "@casemate/core";
import type { Budget } from "../budget.ts";
import { decodeText } from "../decode-text.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { printable } from "../printable.ts";

const START = Buffer.from("Linux version ");
const CHUNK = 4 * 1024 * 1024;
/** Bytes that are searched for as much as one step of a walk. */
const BYTES_PER_STEP = 16 * 1024;
const MAX_BANNER = 512;
/** `linux_banner`: a version, the builder, the compilers, and a newline before the NUL. */
const BANNER = /^(Linux version [0-9]+\.[0-9]+[^ ]*) \(.*\n$/;

/** The name and version of a kernel that is somewhere in `ranges`: of `linux_banner`, not of a log about it. */
export function findBanner(
  physical: PhysicalReader,
  budget: Budget,
  ranges: Iterable<MemoryRange> = physical.memory.populated(),
): string | undefined {
  for (const range of ranges) {
    for (let at = range.start as number; at < range.end; at += CHUNK) {
      const length = Math.min(CHUNK + MAX_BANNER, range.end - at);
      budget.step(Math.ceil(length / BYTES_PER_STEP));
      for (let done = 0; done < length; ) {
        const piece = physical.peek(at + done, length - done);
        const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
        for (let hit = bytes.indexOf(START); hit >= 0; hit = bytes.indexOf(START, hit + 1)) {
          const found = BANNER.exec(decodeText(bytes.subarray(hit, hit + MAX_BANNER)))?.[1];
          if (found !== undefined) return printable(found);
        }
        done += piece.length;
      }
    }
  }
  return undefined;
}
