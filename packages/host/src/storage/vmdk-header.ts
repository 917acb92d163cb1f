import type { FileHandle } from "node:fs/promises";
import { CasemateError } from "@casemate/core";

const SECTOR = 512;
const MAGIC = "KDMV";
/** Where the descriptor is in all that is written, and where QEMU alone looks for a parent. */
const DESCRIPTOR_AT = SECTOR;
const DESCRIPTOR_BYTES = 20 * SECTOR;
const MAX_DESCRIPTOR_BYTES = 64 * 1024;

/**
 * Makes sure that a VMDK is whole in one file: it may be a text that names other files of the host, so may a
 * sparse one whose header states no capacity, or one that rests on a parent (Virtual Disk Format 5.0;
 * block/vmdk.c of QEMU).
 *
 * @param base byte of the file where the VMDK begins. HOSTILE: its author wrote it. Throws `image/refused`.
 */
export async function verifyVmdk(handle: FileHandle, file: string, base = 0): Promise<void> {
  const read = async (at: number, length: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, base + at);
    return buffer.subarray(0, bytesRead);
  };
  const header = await read(0, SECTOR);
  const sparse =
    header.length === SECTOR &&
    header.toString("latin1", 0, 4) === MAGIC &&
    header.readBigUInt64LE(12) > 0n;
  if (!sparse)
    throw refused(file, "it is a VMDK that names other files", "a sparse one in one file");
  verifyOrphan(await read(DESCRIPTOR_AT, DESCRIPTOR_BYTES), file);
  // QEMU does not follow the header there, others do.
  const at = Number(header.readBigUInt64LE(28)) * SECTOR;
  const length = Math.min(Number(header.readBigUInt64LE(36)) * SECTOR, MAX_DESCRIPTOR_BYTES);
  if (at === 0 || length === 0 || !Number.isSafeInteger(base + at)) return;
  verifyOrphan(await read(at, length), file);
}

function verifyOrphan(text: Buffer, file: string): void {
  const descriptor = text.toString("latin1");
  const parents = descriptor.matchAll(/parentCID\s*=\s*([0-9a-f]+)/gi);
  if (
    [...parents].some(([, parent = ""]) => !/^f{8}$/i.test(parent)) ||
    /parentFileNameHint/i.test(descriptor)
  ) {
    throw refused(file, "it rests on a parent", "a VMDK that rests on none");
  }
}

function refused(file: string, seen: string, expected: string): CasemateError {
  return new CasemateError("image/refused", `Cannot use ${file}: ${seen}, expected ${expected}.`);
}
