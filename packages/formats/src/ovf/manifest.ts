import { malformedPackage } from "./package-error.ts";
import { isPlainName } from "./plain-name.ts";

/** A file's digest as a manifest states it. */
export interface FileDigest {
  readonly name: string;
  /** In node:crypto's words. */
  readonly algorithm: "sha1" | "sha256" | "sha512";
  /** In hex, lower case. */
  readonly digest: string;
}

const hexDigits = { sha1: 40, sha256: 64, sha512: 128 } as const;

/** A manifest (DSP0243 1.1, 5.1): one line a file. */
export function formatManifest(files: readonly FileDigest[]): string {
  return files
    .map(({ name, algorithm, digest }) => `${algorithm.toUpperCase()}(${name})= ${digest}\n`)
    .join("");
}

/**
 * What a manifest says of each file, by its name.
 *
 * HOSTILE: the package's author wrote it. Throws `package/malformed`.
 */
export function parseManifest(text: string): ReadonlyMap<string, FileDigest> {
  const files = new Map<string, FileDigest>();
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === "") continue;
    const [, word = "", name = "", hex = ""] =
      /^(SHA\d{1,3}) ?\((.+)\) ?= ?([0-9a-f]+)\s*$/i.exec(line) ?? [];
    const algorithm = algorithmOf(word);
    if (algorithm === undefined || hex.length !== hexDigits[algorithm]) {
      throw malformedPackage(
        `its manifest says ${JSON.stringify(line.slice(0, 100))}`,
        "a SHA-1, SHA-256 or SHA-512 of a file",
      );
    }
    if (!isPlainName(name) || files.has(name)) {
      throw malformedPackage(
        `its manifest names ${JSON.stringify(name.slice(0, 100))}`,
        "each file of the package once",
      );
    }
    files.set(name, { name, algorithm, digest: hex.toLowerCase() });
  }
  return files;
}

function algorithmOf(word: string): FileDigest["algorithm"] | undefined {
  const lower = word.toLowerCase();
  return lower === "sha1" || lower === "sha256" || lower === "sha512" ? lower : undefined;
}
