import { unreadable } from "./kernel-image-error.ts";

/** Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header". */
const HEADER = {
  setup_sects: 0x1f1,
  boot_flag: 0x1fe,
  header: 0x202,
  version: 0x206,
  kernel_version: 0x20e,
  payload_offset: 0x248,
  payload_length: 0x24c,
} as const;
const HEADER_END = 0x250;
const BOOT_FLAG = 0xaa55;
const MAGIC = 0x5372_6448; // "HdrS"
/** The protocol since which the payload is told. */
const PAYLOAD_SINCE = 0x0208;
const SECTOR = 512;
const MAX_VERSION_BYTES = 512;
/** The build appends the length of the expanded kernel to what compressors do not tell it in. */
const SIZE_BYTES = 4;

/** A kernel as boot loaders load it. HOSTILE: whoever could write the disk. */
export interface BzImage {
  /** As `file` shows it: `6.1.0-56-amd64 (debian-kernel@…) #1 SMP …`. */
  readonly version: string;
  /** The compressed kernel. */
  readonly payload: Buffer;
  /** How long it is once expanded, in bytes, as its build noted. */
  readonly expandedSize: number;
}

/** Whether a file is a bzImage. */
export const isBzImage = (bytes: Buffer): boolean =>
  bytes.length >= HEADER_END &&
  bytes.readUInt16LE(HEADER.boot_flag) === BOOT_FLAG &&
  bytes.readUInt32LE(HEADER.header) === MAGIC;

/** The parts of a bzImage. Throws `disk/unsupported`. */
export function parseBzImage(bytes: Buffer): BzImage {
  if (!isBzImage(bytes)) throw unreadable("no boot header", "a bzImage");
  const protocol = bytes.readUInt16LE(HEADER.version);
  if (protocol < PAYLOAD_SINCE)
    throw unreadable(`boot protocol 0x${protocol.toString(16)}`, "0x208");
  const setup = ((bytes.readUInt8(HEADER.setup_sects) || 4) + 1) * SECTOR;
  const start = setup + bytes.readUInt32LE(HEADER.payload_offset);
  const length = bytes.readUInt32LE(HEADER.payload_length);
  if (length <= SIZE_BYTES || start + length > bytes.length) {
    throw unreadable(`a payload of ${length} bytes at ${start}`, `one within ${bytes.length}`);
  }
  const end = start + length - SIZE_BYTES;
  const versionAt = bytes.readUInt16LE(HEADER.kernel_version) + SECTOR;
  const version = bytes.toString("latin1", versionAt, versionAt + MAX_VERSION_BYTES);
  return {
    version: version.replace(/\0.*$/s, ""),
    payload: bytes.subarray(start, end),
    expandedSize: bytes.readUInt32LE(end),
  };
}
