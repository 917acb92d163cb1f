import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { bytes, CasemateError } from "@casemate/core";
import { type FileDigest, formatManifest } from "@casemate/formats";
import type { OnProgress } from "./progress.ts";
import type { OvfPackage, PackedFile } from "./read-package.ts";
import { storageError } from "./storage-error.ts";
import { walkPieces } from "./walk-pieces.ts";

/**
 * Reads every file of a package and compares it with its manifest; answers the SHA-256, hex, of the manifest
 * that is true of them.
 *
 * Throws `package/mismatch` for a file that the manifest tells otherwise or not at all, `cancelled`.
 */
export async function verifyPackage(
  { files, manifest }: OvfPackage,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<string> {
  const total = bytes([...files.values()].reduce((sum, { size }) => sum + size, 0));
  const digests: FileDigest[] = [];
  let done = 0;
  for (const file of files.values()) {
    const onBytes = (read: number): void => onProgress?.({ done: bytes(done + read), total });
    digests.push(await verifyPackedFile(file, manifest, onBytes, signal));
    done += file.size;
  }
  return createHash("sha256").update(formatManifest(digests)).digest("hex");
}

/** Reads one file of a package, compares it with the manifest, and answers its SHA-256. Throws as `verifyPackage`. */
export async function verifyPackedFile(
  file: PackedFile,
  manifest: OvfPackage["manifest"],
  onBytes?: (read: number) => void,
  signal?: AbortSignal,
): Promise<FileDigest> {
  const { name, offset, size } = file;
  const stated = manifest?.get(name);
  if (manifest !== undefined && stated === undefined) {
    throw mismatch(`its manifest does not name ${name}`, "it to name all files");
  }
  const hash = createHash("sha256");
  const asked = createHash(stated?.algorithm ?? "sha256");
  const doing = `read ${name} of the package`;
  try {
    await using handle = await open(file.path, "r");
    let read = 0;
    for await (const piece of walkPieces(handle, { offset, length: size }, doing, signal)) {
      hash.update(piece);
      if (stated !== undefined && stated.algorithm !== "sha256") asked.update(piece);
      read += piece.length;
      onBytes?.(read);
    }
  } catch (cause) {
    throw storageError(doing, cause);
  }
  const digest = hash.digest("hex");
  const found = stated?.algorithm === "sha256" ? digest : asked.digest("hex");
  if (stated !== undefined && stated.digest !== found) {
    throw mismatch(
      `${name} has the ${stated.algorithm} ${found}`,
      `${stated.digest} as its manifest says`,
    );
  }
  return { name, algorithm: "sha256", digest };
}

function mismatch(seen: string, expected: string): CasemateError {
  return new CasemateError(
    "package/mismatch",
    `Cannot use the package: ${seen}, expected ${expected}.`,
  );
}
