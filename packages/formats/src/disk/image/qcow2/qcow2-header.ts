import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";

/** QEMU 9.1, docs/interop/qcow2.txt, "Header": version 2 ends after byte 71. */
const HEADER = new StructTable("QCow2 header", "big", 112, {
  magic: [0, "u32"],
  version: [4, "u32"],
  backing_file_offset: [8, "u64"],
  backing_file_size: [16, "u32"],
  cluster_bits: [20, "u32"],
  size: [24, "u64"],
  crypt_method: [32, "u32"],
  l1_size: [36, "u32"],
  l1_table_offset: [40, "u64"],
  refcount_table_offset: [48, "u64"],
  refcount_table_clusters: [56, "u32"],
  nb_snapshots: [60, "u32"],
  snapshots_offset: [64, "u64"],
  incompatible_features: [72, "u64"],
  compatible_features: [80, "u64"],
  autoclear_features: [88, "u64"],
  refcount_order: [96, "u32"],
  header_length: [100, "u32"],
  compression_type: [104, "u8"],
});

export const QCOW2_MAGIC = 0x5146_49fb; // "QFI\xfb"
const V2_HEADER_BYTES = 72;
const V3_HEADER_BYTES = 104;

const INCOMPATIBLE = {
  dirty: 1n << 0n,
  corrupt: 1n << 1n,
  externalDataFile: 1n << 2n,
  compressionType: 1n << 3n,
  extendedL2: 1n << 4n,
} as const;
const KNOWN_FEATURES = Object.values(INCOMPATIBLE).reduce((all, bit) => all | bit, 0n);

/** "Header extension type". */
const EXTENSION = {
  end: 0,
  backingFormat: 0xe279_2aca,
  dataFileName: 0x4441_5441,
  fullDiskEncryptionHeader: 0x0537_be77,
} as const;

const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
/** Below, a subcluster would be no sector (QEMU, block/qcow2.h, MIN_CLUSTER_BITS with subclusters). */
const MIN_EXTENDED_CLUSTER_BITS = 14;
/** "backing_file_size: … must not be longer than 1023 bytes". */
const MAX_NAME_BYTES = 1023;
/** QEMU, block/qcow2.h, QCOW_MAX_L1_SIZE: 32 MiB. */
const MAX_L1_ENTRIES = (32 * 1024 * 1024) / 8;

/** What a qcow2 file says of itself. HOSTILE: all of it is whoever made the image's. */
export interface Qcow2Header {
  readonly version: 2 | 3;
  /** The virtual disk's, in bytes. */
  readonly size: number;
  readonly clusterBits: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly snapshotsOffset: number;
  readonly snapshotCount: number;
  /** Named, never opened: `path` as it stands in the image, `format` where it says one. */
  readonly backingFile: { readonly path: string; readonly format: string | undefined } | undefined;
  /** Named, never opened; an empty name where the image has none. */
  readonly dataFile: string | undefined;
  readonly encryption: "none" | "aes" | "luks";
  /** Where the LUKS header is, in bytes; its data are the image's own clusters. */
  readonly encryptionHeader: { readonly offset: number; readonly size: number } | undefined;
  readonly compression: "zlib" | "zstd";
  readonly extendedL2: boolean;
  /** Its reference counts may be wrong, which reading does not need. */
  readonly dirty: boolean;
  /** QEMU found it damaged and writes to it no more. */
  readonly corrupt: boolean;
}

/** Whether a file starts as a qcow2 image of version 2 or 3 does. */
export function isQcow2(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return head.length >= 8 && view.getUint32(0) === QCOW2_MAGIC && view.getUint32(4) >= 2;
}

/** Reads the header of a qcow2 image. Throws `disk/truncated`, `disk/damaged`, `disk/unsupported`. */
export function readQcow2Header(file: BlockReader): Qcow2Header {
  const head = Buffer.alloc(HEADER.size);
  readBytes(
    file,
    0,
    Math.min(HEADER.size, Math.max(file.size, V2_HEADER_BYTES)),
    "its header",
  ).copy(head);
  const raw = HEADER.parse(head);
  const { version, cluster_bits: clusterBits, crypt_method: method, l1_size: l1Entries } = raw;
  if (raw.magic !== QCOW2_MAGIC) throw damaged(`magic 0x${raw.magic.toString(16)}`, "QFI\\xfb");
  if (version !== 2 && version !== 3) throw unsupported(`version ${version}`, "2 or 3");
  const v3 = version === 3;
  // "For version 2, the header is exactly 72 bytes": what follows it is something else.
  const features = v3 ? raw.incompatible_features : 0n;
  const headerLength = v3 ? raw.header_length : V2_HEADER_BYTES;
  if ((features & ~KNOWN_FEATURES) !== 0n) {
    throw unsupported(`incompatible features 0x${features.toString(16)}`, "known ones");
  }
  const has = (bit: bigint) => (features & bit) !== 0n;
  const extendedL2 = has(INCOMPATIBLE.extendedL2);
  const least = extendedL2 ? MIN_EXTENDED_CLUSTER_BITS : MIN_CLUSTER_BITS;
  if (clusterBits < least || clusterBits > MAX_CLUSTER_BITS) {
    throw damaged(`clusters of 2^${clusterBits} bytes`, `2^${least} to 2^${MAX_CLUSTER_BITS}`);
  }
  const clusterSize = 2 ** clusterBits;
  if (v3 && (headerLength < V3_HEADER_BYTES || headerLength > clusterSize)) {
    throw damaged(`a header of ${headerLength} bytes`, `${V3_HEADER_BYTES} to ${clusterSize}`);
  }
  if (l1Entries > MAX_L1_ENTRIES) {
    throw damaged(`${l1Entries} L1 entries`, `at most ${MAX_L1_ENTRIES}`);
  }
  const compressionType = v3 && headerLength > HEADER_COMPRESSION_AT ? raw.compression_type : 0;
  if (compressionType > 1) throw unsupported(`compression type ${compressionType}`, "0 or 1");
  if (method > 2) throw unsupported(`crypt_method ${method}`, "0, 1 or 2");
  const extensions = readExtensions(file, headerLength, clusterSize);
  const backingFormat = extensions.get(EXTENSION.backingFormat)?.toString("utf8");
  const encryptionHeader = extensions.get(EXTENSION.fullDiskEncryptionHeader);
  return {
    version,
    size: safe(raw.size, "size"),
    clusterBits,
    l1Offset: aligned(raw.l1_table_offset, "l1_table_offset", clusterSize),
    l1Entries,
    snapshotsOffset: aligned(raw.snapshots_offset, "snapshots_offset", clusterSize),
    snapshotCount: raw.nb_snapshots,
    backingFile:
      raw.backing_file_offset === 0n
        ? undefined
        : { path: readBackingName(file, raw, clusterSize), format: backingFormat },
    dataFile: has(INCOMPATIBLE.externalDataFile)
      ? (extensions.get(EXTENSION.dataFileName)?.toString("utf8") ?? "")
      : undefined,
    encryption: (["none", "aes", "luks"] as const)[method] ?? "none",
    encryptionHeader:
      encryptionHeader === undefined ? undefined : parsePlace(encryptionHeader, clusterSize),
    compression: compressionType === 1 ? "zstd" : "zlib",
    extendedL2,
    dirty: has(INCOMPATIBLE.dirty),
    corrupt: has(INCOMPATIBLE.corrupt),
  };
}

const HEADER_COMPRESSION_AT = 104;

/** "Full disk encryption header pointer": offset and length, 64 bits each. */
function parsePlace(bytes: Buffer, clusterSize: number) {
  if (bytes.length !== 16) throw damaged(`an extension of ${bytes.length} bytes`, "16");
  return {
    offset: aligned(bytes.readBigUInt64BE(0), "the encryption header's offset", clusterSize),
    size: safe(bytes.readBigUInt64BE(8), "the encryption header's length"),
  };
}

const READ_EXTENSIONS: readonly number[] = Object.values(EXTENSION);

/** The header extensions by type; those of other kinds are passed over. */
function readExtensions(
  file: BlockReader,
  headerLength: number,
  clusterSize: number,
): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  // "the header extensions … must fit into the first cluster"; each takes 8 bytes or more.
  const end = Math.min(clusterSize, file.size);
  const bytes = readBytes(file, 0, end, "its header extensions");
  for (let at = headerLength; at + 8 <= end; ) {
    const type = bytes.readUInt32BE(at);
    const length = bytes.readUInt32BE(at + 4);
    at += 8;
    if (type === EXTENSION.end) return found;
    if (length > end - at) throw damaged(`an extension of ${length} bytes`, "one in its cluster");
    if (READ_EXTENSIONS.includes(type)) {
      if (length > MAX_NAME_BYTES) {
        throw damaged(`a name of ${length} bytes`, `at most ${MAX_NAME_BYTES}`);
      }
      found.set(type, bytes.subarray(at, at + length));
    }
    at += Math.ceil(length / 8) * 8;
  }
  return found;
}

function readBackingName(
  file: BlockReader,
  raw: { readonly backing_file_offset: bigint; readonly backing_file_size: number },
  clusterSize: number,
): string {
  const { backing_file_offset: offset, backing_file_size: length } = raw;
  if (length > MAX_NAME_BYTES || offset + BigInt(length) > BigInt(clusterSize)) {
    throw damaged(`a backing file's name of ${length} bytes at ${offset}`, "one in its cluster");
  }
  return readBytes(file, Number(offset), length, "the backing file's name").toString("utf8");
}

function aligned(value: bigint, field: string, clusterSize: number): number {
  if (value % BigInt(clusterSize) === 0n) return safe(value, field);
  throw damaged(`${field} ${value}`, `a multiple of ${clusterSize}`);
}

function safe(value: bigint, field: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw damaged(`${field} ${value}`, "less than 8 PiB");
}

const doing = "read a qcow2 image";

function damaged(seen: string, needed: string) {
  return diskError("disk/damaged", doing, { seen, needed });
}

function unsupported(seen: string, needed: string) {
  return diskError("disk/unsupported", doing, { seen, needed });
}
