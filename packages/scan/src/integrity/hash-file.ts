import { createHash, hash } from "node:crypto";
import { CasemateError, MiB } from "@casemate/core";
import type { VisitedFile } from "../visitor.ts";

/** What databases of packages have checksums in. */
export type DigestAlgorithm = "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512";

const CHUNK_BYTES = MiB;
/** HOSTILE: a file of holes has any size; no package has one of that. */
const MAX_BYTES = 8192 * MiB;

/** Never kept: what is in it is hashed before anybody else gets to run. */
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/** The digest of a file's contents in hexadecimal. Throws `disk/*`, `inspect/budget`. */
export function hashFile(
  file: Pick<VisitedFile, "path" | "contents" | "head">,
  algorithm: DigestAlgorithm,
): string {
  const contents = file.contents();
  const { size } = contents;
  // What fits is read once for all visitors.
  if (size <= CHUNK_BYTES) return hash(algorithm, file.head(size), "hex");
  if (size > MAX_BYTES) {
    const seen = `it has ${size} bytes`;
    throw new CasemateError(
      "disk/unsupported",
      `Cannot hash ${file.path}: ${seen}, expected ${MAX_BYTES} at most.`,
    );
  }
  const digest = createHash(algorithm);
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, size - at));
    contents.read(at, part);
    digest.update(part);
  }
  return digest.digest("hex");
}
