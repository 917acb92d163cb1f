import { type FileHandle, open } from "node:fs/promises";
import { type Bytes, CasemateError, type JsonObject } from "@casemate/core";
import { makeFile } from "./make-file.ts";
import { readQcow2Header } from "./qcow2-header.ts";
import type { PackedFile } from "./read-package.ts";
import { inheritedFile, runQemuImg } from "./run-qemu-img.ts";
import { runQemuImgInto } from "./run-qemu-img-into.ts";
import { storageError } from "./storage-error.ts";
import type { StorageGuard } from "./storage-guard.ts";
import { verifyVmdk } from "./vmdk-header.ts";

const SECTOR = 512;
/** Milliseconds that reading a header may take. */
const headerTime = 30_000;

/**
 * Makes a new image of one that is in a package, without taking it out first.
 *
 * HOSTILE: the image is anybody's. Throws `image/refused` for one that names other files or is bigger than
 * `capacity`, `image/unreadable`, `storage/outside`, `storage/exists`, `disk/full`, `cancelled`; nothing is
 * left then.
 */
export async function extractImage(
  guard: StorageGuard,
  request: {
    readonly from: PackedFile;
    readonly format: "vmdk" | "qcow2" | "raw" | "unknown";
    readonly capacity: Bytes;
    readonly to: string;
    readonly toFormat: "raw" | "qcow2";
  },
  onFraction: (fraction: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { from, format, capacity, to, toFormat } = request;
  const target = await guard.writable(to);
  if (format === "unknown") {
    throw refused(from, "it is of a format unknown here", "a VMDK, qcow2 or raw image");
  }
  await verifyAlone(from, format);
  const source = imageOf(from, format);
  const virtualSize = await readVirtualSize(from, source, signal);
  if (virtualSize > Math.ceil(capacity / SECTOR) * SECTOR) {
    throw refused(from, `it is a disk of ${virtualSize} bytes`, `${capacity} as it is described`);
  }
  const doing = `take ${from.name} out of the package to ${to}`;
  const onPercent = (percent: number): void => onFraction(percent / 100);
  await makeFile(target, undefined, async (partial) => {
    const args = ["convert", "-p", "-W", "-m", "4", "-O", toFormat, source, inheritedFile];
    await runQemuImgInto(partial, args, { doing, onPercent }, signal);
  });
}

/** Makes sure that QEMU will open nothing else. */
async function verifyAlone(from: PackedFile, format: "vmdk" | "qcow2" | "raw"): Promise<void> {
  try {
    await using handle = await open(from.path, "r");
    if (format === "vmdk") await verifyVmdk(handle, from.name, from.offset);
    if (format === "qcow2") await verifyQcow2(handle, from);
  } catch (cause) {
    throw storageError(`read the header of ${from.name}`, cause);
  }
}

async function verifyQcow2(handle: FileHandle, from: PackedFile): Promise<void> {
  const header = await readQcow2Header(handle, from.name, from.offset);
  if (header.dataFile) throw refused(from, "its data are in another file", "an image in one");
  if (header.backingFile !== undefined) throw refused(from, "it rests on another", "a whole image");
  if (header.encrypted) throw refused(from, "it is encrypted", "one that can be read");
}

/** The part of a file as QEMU names it; nothing in it decides what else is opened. */
function imageOf(from: PackedFile, format: "vmdk" | "qcow2" | "raw"): string {
  const file: JsonObject = { driver: "file", filename: from.path };
  const part: JsonObject = from.packed
    ? {
        driver: "raw",
        offset: from.offset,
        // QEMU counts in sectors; so does tar, which filled the last one up.
        size: Math.ceil(from.size / SECTOR) * SECTOR,
        file,
      }
    : { driver: "raw", file };
  const image = format === "raw" ? part : { driver: format, backing: null, file: part };
  return `json:${JSON.stringify(image)}`;
}

async function readVirtualSize(
  from: PackedFile,
  source: string,
  signal?: AbortSignal,
): Promise<number> {
  const doing = `read the header of ${from.name}`;
  const limit = AbortSignal.timeout(headerTime);
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const args = ["info", "--output=json", source];
  const info: unknown = JSON.parse(await runQemuImg(args, { doing, header: true }, stop));
  const size =
    typeof info === "object" && info !== null && "virtual-size" in info
      ? info["virtual-size"]
      : undefined;
  if (typeof size === "number" && Number.isSafeInteger(size)) return size;
  throw new CasemateError("image/unreadable", `Cannot ${doing}: it states no size.`);
}

function refused(from: PackedFile, seen: string, expected: string): CasemateError {
  return new CasemateError(
    "image/refused",
    `Cannot use ${from.name} of the package: ${seen}, expected ${expected}.`,
  );
}
