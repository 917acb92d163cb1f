import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { expandXz } from "@casemate/formats";
import { feedError } from "../feed-error.ts";

/** How an archive's indexes are compressed, by the end of their names, smallest download first. */
export const indexSuffixes = [".xz", ".zst", ".gz", ""] as const;
export type IndexSuffix = (typeof indexSuffixes)[number];

/**
 * An index as it was before it was compressed, in chunks. HOSTILE until its hash is checked, and bounded all the
 * same: `expandedBytes` is what its Release file says. Throws `feed/malformed`.
 */
export async function* expandIndex(
  packed: Buffer,
  suffix: IndexSuffix,
  expandedBytes: number,
): AsyncGenerator<Buffer> {
  let made = 0;
  for await (const chunk of chunksOf(packed, suffix, expandedBytes)) {
    made += chunk.length;
    if (made > expandedBytes) throw malformed("it grows beyond its size");
    yield chunk;
  }
  if (made !== expandedBytes) throw malformed(`it has ${made} bytes once expanded`);
}

async function* chunksOf(
  packed: Buffer,
  suffix: IndexSuffix,
  bytes: number,
): AsyncGenerator<Buffer> {
  switch (suffix) {
    case "":
      yield packed;
      return;
    case ".xz": {
      const target = Buffer.alloc(bytes);
      const made = expandXz(packed, target);
      if (made === undefined) throw malformed("its compressed data is damaged or too much");
      yield target.subarray(0, made);
      return;
    }
    case ".gz":
    case ".zst": {
      const expand = suffix === ".gz" ? createGunzip() : createZstdDecompress();
      try {
        // A stream of bytes: its chunks are buffers.
        yield* Readable.from([packed]).compose(expand) as AsyncIterable<Buffer>;
      } catch (cause) {
        throw malformed("its compressed data is damaged", cause);
      }
      return;
    }
  }
}

function malformed(seen: string, cause?: unknown) {
  return feedError("feed/malformed", "expand an archive's index", {
    seen,
    needed: "what its Release file says",
    cause,
  });
}
