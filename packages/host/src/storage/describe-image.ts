import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { bytes, CasemateError } from "@casemate/core";
import type { ImageDescription, ImageLayer } from "./image-description.ts";
import { type Qcow2Header, readQcow2Header } from "./qcow2-header.ts";
import { runQemuImg } from "./run-qemu-img.ts";
import { storageError } from "./storage-error.ts";
import type { StorageGuard } from "./storage-guard.ts";
import { verifyVmdk } from "./vmdk-header.ts";

/** HOSTILE: images can rest on each other for ever; libvirt follows 200. */
const maxLayers = 200;

/** How the formats begin that no VM's definition told (block/*.c of QEMU): what begins otherwise is raw. */
const magics: readonly (readonly [string, Buffer, number])[] = [
  ["qcow2", Buffer.from("QFI\xfb", "latin1"), 0],
  ["vmdk", Buffer.from("KDMV", "latin1"), 0],
  ["vdi", Buffer.from("7f10dabe", "hex"), 0x40],
  ["vhdx", Buffer.from("vhdxfile", "latin1"), 0],
  ["vpc", Buffer.from("conectix", "latin1"), 0],
];

/** Formats that hold all they say in one file, so that qemu-img opens no other one. */
const selfContained: readonly string[] = ["vdi", "vhdx", "vpc", "vmdk"];

/**
 * What an image is and rests on, read without opening anything that the guard does not allow.
 *
 * @param format as the VM's definition tells it; undefined asks the header, which for a disk that a guest
 * writes would be to ask the guest.
 *
 * HOSTILE: the header's author wrote it. Throws `image/unreadable`, `image/refused`, `storage/outside`,
 * `storage/unknown`, `cancelled`.
 */
export async function describeImage(
  guard: StorageGuard,
  file: string,
  format: string | undefined,
  signal?: AbortSignal,
): Promise<ImageDescription> {
  const backing: ImageLayer[] = [];
  const seen = new Set<string>();
  let snapshots: readonly string[] = [];
  let top: ImageLayer | undefined;
  let next: { readonly file: string; readonly format: string | undefined } | undefined = {
    file,
    format,
  };
  while (next !== undefined) {
    const real = await readableLayer(guard, next.file, top !== undefined);
    if (seen.has(real) || seen.size >= maxLayers) {
      throw refused(file, "its chain of backing files has no end", "one that ends");
    }
    seen.add(real);
    const layer = await describeLayer(real, next.format, signal);
    if (top === undefined) {
      top = layer.image;
      snapshots = layer.header?.snapshots ?? [];
    } else backing.push(layer.image);
    next = nextLayer(real, layer.header);
  }
  if (top === undefined) throw refused(file, "it has no layer", "one");
  return { ...top, path: file, backing, snapshots };
}

async function readableLayer(
  guard: StorageGuard,
  file: string,
  isBacking: boolean,
): Promise<string> {
  try {
    return await guard.readable(file);
  } catch (cause) {
    if (!isBacking) throw cause;
    throw refused(file, "an image rests on it", "a backing file in a storage pool", cause);
  }
}

function nextLayer(real: string, header: Qcow2Header | undefined) {
  const name = header?.backingFile;
  if (name === undefined) return undefined;
  // QEMU takes "json:", "nbd:…" and the like for other things than files; a file's own colon follows a slash.
  if (/^[^/]*:/.test(name)) {
    throw refused(real, `it rests on ${JSON.stringify(name.slice(0, 100))}`, "a file");
  }
  const file = path.resolve(path.dirname(real), name);
  // QEMU would guess it, and what lies below may be what a guest once wrote.
  if (header?.backingFormat === undefined) {
    throw refused(real, "it does not say of what format the image below is", "a stated one");
  }
  return { file, format: header.backingFormat };
}

async function describeLayer(
  file: string,
  stated: string | undefined,
  signal?: AbortSignal,
): Promise<{ readonly image: ImageLayer; readonly header: Qcow2Header | undefined }> {
  const doing = `read the header of ${file}`;
  try {
    await using handle = await open(file, "r");
    const info = await handle.stat();
    if (!info.isFile() && !info.isBlockDevice()) {
      throw new CasemateError(
        "image/unreadable",
        `Cannot ${doing}: it is neither a file nor a block device.`,
      );
    }
    const format = stated ?? (await readMagic(handle));
    const actualSize = bytes(info.isFile() ? info.blocks * 512 : await endOf(handle));
    if (format === "qcow2") {
      const header = await readQcow2Header(handle, file);
      if (header.dataFile) throw refused(file, "its data are in another file", "an image in one");
      const { virtualSize, encrypted } = header;
      return { image: { path: file, format, virtualSize, actualSize, encrypted }, header };
    }
    const virtualSize =
      format === "raw"
        ? bytes(info.isFile() ? info.size : actualSize)
        : await readVirtualSize(handle, file, format, signal);
    const image = { path: file, format, virtualSize, actualSize, encrypted: false };
    return { image, header: undefined };
  } catch (cause) {
    throw storageError(doing, cause);
  }
}

async function readMagic(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(128), 0, 128, 0);
  const head = buffer.subarray(0, bytesRead);
  const known = magics.find(([, magic, at]) => head.subarray(at, at + magic.length).equals(magic));
  return known?.[0] ?? "raw";
}

/** The size of a block device: it has none that stat tells. */
async function endOf(file: FileHandle): Promise<number> {
  // Halving: Node has no lseek, and a read at or past the end gives nothing.
  const one = Buffer.alloc(1);
  let low = 0;
  let high = 2 ** 50;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { bytesRead } = await file.read(one, 0, 1, middle).catch(() => ({ bytesRead: 0 }));
    if (bytesRead === 1) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function readVirtualSize(
  handle: FileHandle,
  file: string,
  format: string,
  signal?: AbortSignal,
) {
  if (!selfContained.includes(format)) {
    throw refused(file, `its format is ${format}`, `raw, qcow2, ${selfContained.join(" or ")}`);
  }
  if (format === "vmdk") await verifyVmdk(handle, file);
  const doing = `read the header of ${file}`;
  const args = ["info", "-U", "--output=json", "-f", format, file];
  const limit = AbortSignal.timeout(30_000);
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const text = await runQemuImg(args, { doing, header: true }, stop);
  const info: unknown = JSON.parse(text);
  const size = typeof info === "object" && info !== null ? Object.entries(info) : [];
  const virtual = new Map<string, unknown>(size).get("virtual-size");
  if (typeof virtual === "number" && Number.isSafeInteger(virtual)) return bytes(virtual);
  throw new CasemateError("image/unreadable", `Cannot ${doing}: it states no size.`);
}

function refused(file: string, seen: string, expected: string, cause?: unknown): CasemateError {
  return new CasemateError(
    "image/refused",
    `Cannot use ${file}: ${seen}, expected ${expected}.`,
    cause === undefined ? {} : { cause },
  );
}
