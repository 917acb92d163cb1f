import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { formatBytes, MiB } from "@casemate/core";
import { expandXz } from "../compression/xz.ts";
import { unreadable } from "./kernel-image-error.ts";

/** The largest of Debian's, amdgpu's, has 25 MiB. */
const MAX_BYTES = 64 * MiB;

/** The ways `make modules_install` compresses modules, by how files begin (scripts/Makefile.modinst). */
const METHODS: readonly (readonly [magic: string, expand: (file: Buffer) => Buffer])[] = [
  ["7f454c46", (file) => file],
  ["1f8b", (file) => gunzipSync(file, { maxOutputLength: MAX_BYTES })],
  ["fd377a585a00", expandWhole],
  ["28b52ffd", (file) => zstdDecompressSync(file, { maxOutputLength: MAX_BYTES })],
];

/** The ELF file of a module out of `NAME.ko`, `.ko.gz`, `.ko.xz` or `.ko.zst`. HOSTILE. Throws `disk/unsupported`. */
export function unpackModule(file: Buffer): Buffer {
  for (const [magic, expand] of METHODS) {
    if (file.toString("hex", 0, magic.length / 2) !== magic) continue;
    try {
      return expand(file);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      throw unreadable(`damaged data (${words})`, "a module's");
    }
  }
  throw unreadable(`a file that begins with ${file.toString("hex", 0, 4)}`, "a kernel module");
}

function expandWhole(file: Buffer): Buffer {
  const target = Buffer.allocUnsafeSlow(MAX_BYTES);
  const length = expandXz(file, target);
  if (length === undefined) throw new Error(`no xz data of at most ${formatBytes(MAX_BYTES)}`);
  // Copied, so that what it did not need is not kept.
  return Buffer.from(target.subarray(0, length));
}
