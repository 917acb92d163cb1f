import { createHash } from "node:crypto";
import { CasemateError } from "@casemate/core";
import type { BlockReader } from "../block-reader.ts";
import { readBytes } from "../read-bytes.ts";
import { StructTable } from "../struct-table.ts";
import { damaged, unsupported } from "./luks-error.ts";
import type { LuksHeader } from "./luks-header.ts";
import { parseLuks2Metadata } from "./luks2-metadata.ts";

/** LUKS2 On-Disk Format Specification 1.1.3, 2.1: the binary header, big-endian; JSON follows it. */
const HEADER = new StructTable("luks2_hdr_disk", "big", 4096, {
  magic: [0, 6],
  version: [6, "u16"],
  hdr_size: [8, "u64"],
  seqid: [16, "u64"],
  label: [24, 48],
  checksum_alg: [72, 32],
  salt: [104, 64],
  uuid: [168, 40],
  subsystem: [208, 48],
  hdr_offset: [256, "u64"],
  csum: [448, 64],
});

const CHECKSUM = { at: 448, bytes: 64 } as const;
const MAGIC = { first: "LUKS\xba\xbe", second: "SKUL\xba\xbe" } as const;
/** 2.2: "possible hdr_size values", and so where the second header begins. */
const SIZES: readonly number[] = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map(
  (kib) => kib * 1024,
);

/**
 * Reads a LUKS2 header, checksum verified: the second where the first is damaged.
 * Throws `disk/damaged`, `disk/truncated`, `disk/unsupported`.
 */
export function readLuks2Header(volume: BlockReader): LuksHeader {
  try {
    return readCopy(volume, 0, MAGIC.first);
  } catch (first) {
    for (const at of SIZES) {
      try {
        return readCopy(volume, at, MAGIC.second);
      } catch (thrown) {
        if (!(thrown instanceof CasemateError)) throw thrown;
      }
    }
    throw first;
  }
}

function readCopy(volume: BlockReader, at: number, magic: string): LuksHeader {
  const head = readBytes(volume, at, HEADER.size, "a LUKS2 header");
  const raw = HEADER.parse(head);
  if (Buffer.from(raw.magic).toString("latin1") !== magic) throw damaged("another magic", "LUKS");
  if (raw.version !== 2) throw unsupported(`version ${raw.version}`, "2");
  const size = Number(raw.hdr_size);
  if (!SIZES.includes(size) || raw.hdr_offset !== BigInt(at)) {
    throw damaged(`a header of ${size} bytes at ${raw.hdr_offset}`, `one at ${at}`);
  }
  const algorithm = text(raw.checksum_alg);
  if (algorithm !== "sha256") throw unsupported(`checksums by ${algorithm}`, "sha256");
  const bytes = readBytes(volume, at, size, "a LUKS2 header");
  const stored = Buffer.from(raw.csum).toString("hex");
  // "csum … calculated with it set to zeros".
  bytes.fill(0, CHECKSUM.at, CHECKSUM.at + CHECKSUM.bytes);
  const seen = createHash(algorithm).update(bytes).digest("hex");
  if (!stored.startsWith(seen)) throw damaged(`checksum ${seen}`, stored.slice(0, seen.length));
  const metadata = parseLuks2Metadata(text(bytes.subarray(HEADER.size), "utf8"));
  return { version: 2, uuid: text(raw.uuid), label: text(raw.label, "utf8"), ...metadata };
}

/** Texts end with a zero byte. */
function text(bytes: Uint8Array, encoding: "latin1" | "utf8" = "latin1"): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString(encoding);
}
