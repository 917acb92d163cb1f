import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { CasemateError, MiB } from "@casemate/core";
import { formatTarHeader, parseTarHeader, TAR_BLOCK_BYTES } from "@casemate/formats";
import { bundleNames, isBundleName } from "./bundle-names.ts";
import type { Digest } from "./digest.ts";
import { malformedEvidence } from "./evidence-error.ts";

const limits = {
  /** Views, pages of memory, and what seals them. */
  entries: 2_048,
  /** What is read whole: manifest, proof, checkpoint, digests. */
  seal: 64 * MiB,
  /** What is read at once of anything else. */
  piece: MiB,
};

/** A bundle's files as they are. */
export interface Bundle {
  /** In their order. */
  readonly digests: readonly Digest[];
  /** The bytes of what seals it, by name. */
  readonly seals: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads a bundle from beginning to end. What it takes is only what Casemate writes: every byte that is no
 * file's is as it must be.
 *
 * HOSTILE: whoever shows the bundle made it. Nothing is unpacked, and it may be of any size. Throws
 * `evidence/malformed` for links, names that lead elsewhere or are there twice, and what was cut off;
 * `evidence/unreadable` where the file cannot be read.
 */
export async function readBundle(path: string, signal?: AbortSignal): Promise<Bundle> {
  await using file = await open(path, "r").catch((thrown: unknown) => {
    throw unreadable(path, thrown);
  });
  const { size, read } = await readerOf(file, path);
  const digests: Digest[] = [];
  const seals = new Map<string, Uint8Array>();
  const taken = new Set<string>();
  for (let at = 0; ; ) {
    signal?.throwIfAborted();
    const block = await read(at, TAR_BLOCK_BYTES);
    const entry = parseEntry(block);
    at += TAR_BLOCK_BYTES;
    if (entry === undefined) {
      const rest = await read(at, TAR_BLOCK_BYTES);
      if (!isZero(rest) || at + TAR_BLOCK_BYTES !== size) {
        throw malformedEvidence("something comes after its end", "nothing there");
      }
      return { digests, seals };
    }
    const { name } = entry;
    // Where names are not told apart by case, one of two would take the other's place.
    if (taken.has(name.toLowerCase())) throw malformedEvidence(`${name} is there twice`, "it once");
    if (taken.size === limits.entries) {
      throw malformedEvidence("its files do not end", `at most ${limits.entries}`);
    }
    taken.add(name.toLowerCase());
    const padded = Math.ceil(entry.size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
    if (at + padded > size) throw malformedEvidence(`${name} is cut off`, "all of it");
    if (isSeal(name) && entry.size > limits.seal) {
      throw malformedEvidence(`${name} has ${entry.size} bytes`, `at most ${limits.seal}`);
    }
    const hash = createHash("sha256");
    const kept: Uint8Array[] = [];
    for (let done = 0; done < entry.size; done += limits.piece) {
      signal?.throwIfAborted();
      const piece = await read(at + done, Math.min(limits.piece, entry.size - done));
      hash.update(piece);
      if (isSeal(name)) kept.push(piece);
    }
    if (!isZero(await read(at + entry.size, padded - entry.size))) {
      throw malformedEvidence(`something comes after ${name}`, "zeros");
    }
    if (isSeal(name)) seals.set(name, Buffer.concat(kept));
    digests.push({ name, size: entry.size, sha256: hash.digest("hex") });
    at += padded;
  }
}

const sealNames: readonly string[] = Object.values(bundleNames);

function isSeal(name: string): boolean {
  return sealNames.includes(name);
}

/** The entry whose header this is; undefined for zeros. There is one way to write each. */
function parseEntry(
  block: Uint8Array,
): { readonly name: string; readonly size: number } | undefined {
  let header: ReturnType<typeof parseTarHeader>;
  try {
    header = parseTarHeader(block);
  } catch (thrown) {
    throw malformedEvidence(
      "a header in it is broken",
      "a tar archive that Casemate wrote",
      thrown,
    );
  }
  if (header === undefined) return undefined;
  const { name, size } = header;
  if (!isBundleName(name)) {
    throw malformedEvidence(
      `it holds ${JSON.stringify(name.slice(0, 100))}`,
      "names of evidence, which lead nowhere else",
    );
  }
  if (Buffer.compare(block, formatTarHeader(name, size)) !== 0) {
    throw malformedEvidence(`the header of ${name} is another`, "that of a plain file");
  }
  return { name, size };
}

async function readerOf(file: FileHandle, path: string) {
  const stat = await file.stat();
  if (!stat.isFile()) throw unreadable(path, new Error("it is no file"));
  return {
    size: stat.size,
    async read(at: number, length: number): Promise<Uint8Array> {
      const bytes = Buffer.alloc(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await file
          .read(bytes, done, length - done, at + done)
          .catch((thrown) => {
            throw unreadable(path, thrown);
          });
        if (bytesRead === 0) throw malformedEvidence("it ends without an end mark", "all of it");
        done += bytesRead;
      }
      return bytes;
    },
  };
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function unreadable(path: string, cause: unknown): CasemateError {
  const seen = cause instanceof Error ? cause.message : String(cause);
  return new CasemateError(
    "evidence/unreadable",
    `Cannot read the evidence bundle ${path}: ${seen}, expected a file that this user may read.`,
    { cause },
  );
}
