import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { CasemateError, formatBytes, type PhysicalMemory } from "@casemate/core";
import {
  arrangeSegments,
  type DumpSegment,
  ELF_CORE_HEAD_BYTES,
  isElf,
  isLime,
  LIME_HEADER_BYTES,
  looksLikeKdump,
  looksLikeSavedVm,
  parseElfCore,
  parseLimeHeader,
} from "@casemate/formats/memory-images";
import { CopyingMemory } from "./copying-memory.ts";
import { MappedMemory } from "./mapped-memory.ts";

const PAGE = 4096;
/** Ranges in a LiME file at most; real machines have dozens. */
const MAX_LIME_RANGES = 4096;

/** Files that people take for a raw image, by their first bytes. */
const OTHER_FORMATS: readonly (readonly [magic: string, name: string])[] = [
  ["QFI\xfb", "a qcow2 disk image"],
  ["\x1f\x8b", "a gzip file"],
  ["\xfd7zXZ", "an xz file"],
  ["\x28\xb5\x2f\xfd", "a zstd file"],
  ["PK\x03\x04", "a zip file"],
  ["hibr", "a Windows hibernation file"],
  ["PAGEDU64", "a Windows crash dump"],
];

/**
 * Opens a file that holds a guest's memory: a raw image (mapped), or an ELF core, a LiME file, a
 * kdump-compressed dump or a VM that libvirt saved (copied as they are read, for their pages lie at odd
 * bytes or are packed).
 *
 * The file must not be cut short while it is read: that would end this process. Throws
 * `dump/unreadable`, `dump/truncated`, `dump/unknown-format`.
 */
export async function openMemoryImage(path: string): Promise<PhysicalMemory> {
  const fd = openRegular(path);
  try {
    const { size } = fstatSync(fd);
    const head = readAt(fd, 0, Math.min(size, ELF_CORE_HEAD_BYTES));
    if (isElf(head)) return fromSegments(path, fd, size, parseElfCore(head));
    if (isLime(head)) return fromSegments(path, fd, size, readLimeSegments(path, fd, size));
    if (looksLikeKdump(head)) {
      const { openKdump } = await import("./images/open-kdump.ts");
      return await openKdump(fd, path);
    }
    if (looksLikeSavedVm(head)) {
      const { openSavedVm } = await import("./images/open-saved-vm.ts");
      return await openSavedVm(fd, path);
    }
    return fromRaw(path, fd, size, head);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openRegular(path: string): number {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const words = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw unreadable(path, words, error);
  }
  const status = fstatSync(fd);
  if (status.isFile() && status.size > 0) return fd;
  closeSync(fd);
  if (status.isDirectory()) throw unreadable(path, "it is a directory");
  throw unreadable(path, status.isFile() ? "it is empty" : "it is no regular file");
}

function fromRaw(path: string, fd: number, size: number, head: Uint8Array): PhysicalMemory {
  const text = Buffer.from(head.subarray(0, 16)).toString("latin1");
  const other = OTHER_FORMATS.find(([magic]) => text.startsWith(magic));
  if (other !== undefined) {
    throw new CasemateError(
      "dump/unknown-format",
      `Cannot read ${path} as a memory image: it is ${other[1]}, expected guest memory.`,
    );
  }
  if (size % PAGE !== 0) {
    throw truncated(path, `${size} bytes, which is no whole number of ${PAGE}-byte pages`);
  }
  const pieces = [{ start: 0, end: size, file: 0, offset: 0 }];
  return new MappedMemory({ description: path, pieces, fds: [fd], live: false });
}

function fromSegments(
  path: string,
  fd: number,
  size: number,
  segments: readonly DumpSegment[],
): PhysicalMemory {
  const bytes = segments.reduce((most, s) => Math.max(most, s.offset + (s.end - s.start)), 0);
  if (bytes > size) throw truncated(path, `${formatBytes(size)} of ${formatBytes(bytes)}`);
  return new CopyingMemory({
    description: path,
    pieces: segments,
    live: false,
    fill(piece, address, target) {
      const segment = segments[piece];
      if (segment === undefined) return;
      const offset = segment.offset + (address - segment.start);
      const count = readSync(fd, target, 0, target.length, offset);
      if (count !== target.length) throw truncated(path, `nothing at byte ${offset + count}`);
    },
    close: () => closeSync(fd),
  });
}

function readLimeSegments(path: string, fd: number, size: number): readonly DumpSegment[] {
  const segments: DumpSegment[] = [];
  for (let at = 0; at < size; ) {
    const { start, end } = parseLimeHeader(readAt(fd, at, LIME_HEADER_BYTES));
    const offset = at + LIME_HEADER_BYTES;
    segments.push({ start, end, offset });
    at = offset + (end - start);
    if (segments.length > MAX_LIME_RANGES || !Number.isSafeInteger(at)) {
      throw new CasemateError(
        "dump/unknown-format",
        `Cannot read ${path} as a LiME file: ${segments.length} ranges, expected at most ${MAX_LIME_RANGES}.`,
      );
    }
  }
  const arranged = arrangeSegments(segments);
  if (arranged.length === 0) throw truncated(path, "no whole page of memory");
  return arranged;
}

/** Up to `length` bytes at `offset`; fewer where the file ends. */
function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
}

function unreadable(path: string, seen: string, cause?: unknown): CasemateError {
  return new CasemateError(
    "dump/unreadable",
    `Cannot open memory image ${path}: ${seen}, expected a readable file.`,
    { cause },
  );
}

function truncated(path: string, seen: string): CasemateError {
  return new CasemateError(
    "dump/truncated",
    `Cannot read memory image ${path}: ${seen}, expected a whole dump.`,
  );
}
