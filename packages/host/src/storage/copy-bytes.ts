import { createHash } from "node:crypto";
import { constants, open, stat } from "node:fs/promises";
import { bytes } from "@casemate/core";
import { makeFile } from "./make-file.ts";
import type { OnProgress } from "./progress.ts";
import { storageError } from "./storage-error.ts";

const pieceBytes = 4 * 1024 * 1024;

/** Copies a file byte by byte; holes stay holes. Throws `storage/exists`, `disk/full`, `cancelled`. */
export async function copyBytes(
  from: string,
  to: string,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  await makeFile(to, from, async (partial) => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    await using target = await open(partial, flags, 0o600);
    let size = 0;
    for await (const { at, piece } of readPieces(from, onProgress, signal)) {
      if (!isZero(piece)) await target.write(piece, 0, piece.length, at);
      size = at + piece.length;
    }
    await target.truncate(size);
  });
}

/** SHA-256 of a file, hex. Throws `storage/unknown`, `cancelled`. */
export async function sha256File(
  file: string,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  for await (const { piece } of readPieces(file, onProgress, signal)) hash.update(piece);
  return hash.digest("hex");
}

async function* readPieces(file: string, onProgress?: OnProgress, signal?: AbortSignal) {
  try {
    const total = bytes((await stat(file)).size);
    await using handle = await open(file, constants.O_RDONLY);
    const buffer = Buffer.alloc(pieceBytes);
    for (let at = 0; ; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, pieceBytes, at);
      if (bytesRead === 0) return;
      yield { at, piece: buffer.subarray(0, bytesRead) };
      at += bytesRead;
      onProgress?.({ done: bytes(at), total });
    }
  } catch (cause) {
    if (signal?.aborted) {
      throw storageError(`read ${file}`, Object.assign(new Error(), { code: "ABORT_ERR" }));
    }
    throw storageError(`read ${file}`, cause);
  }
}

function isZero(piece: Buffer): boolean {
  return piece[0] === 0 && piece.subarray(1).equals(piece.subarray(0, -1));
}
