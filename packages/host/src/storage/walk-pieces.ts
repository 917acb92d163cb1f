import type { FileHandle } from "node:fs/promises";
import { CasemateError } from "@casemate/core";

const pieceBytes = 4 * 1024 * 1024;

/**
 * `length` bytes of a file from byte `offset` on, in pieces that are valid until the next.
 *
 * Throws `image/unreadable` where the file ends before, `cancelled`, and what its I/O throws.
 */
export async function* walkPieces(
  handle: FileHandle,
  range: { readonly offset: number; readonly length: number },
  doing: string,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const { offset, length } = range;
  const buffer = Buffer.alloc(Math.min(pieceBytes, length));
  for (let at = 0; at < length; ) {
    verifyWanted(doing, signal);
    const wanted = Math.min(buffer.length, length - at);
    const { bytesRead } = await handle.read(buffer, 0, wanted, offset + at);
    if (bytesRead === 0) {
      throw new CasemateError(
        "image/unreadable",
        `Cannot ${doing}: the file ends after ${at} bytes, expected ${length}.`,
      );
    }
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
  verifyWanted(doing, signal);
}

function verifyWanted(doing: string, signal?: AbortSignal): void {
  if (!signal?.aborted) return;
  throw new CasemateError("cancelled", `Cannot ${doing}: it was cancelled.`, {
    cause: signal.reason,
  });
}
