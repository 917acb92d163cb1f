import { createHash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import path from "node:path";
import { type Bytes, bytes, CasemateError } from "@casemate/core";
import {
  type FileDigest,
  formatDescriptor,
  formatManifest,
  formatTarHeader,
  type MachineDescription,
  type MachineDisk,
  TAR_BLOCK_BYTES,
} from "@casemate/formats";
import { describeImage } from "./describe-image.ts";
import { makeFile } from "./make-file.ts";
import { partProgress } from "./part-progress.ts";
import type { OnProgress } from "./progress.ts";
import type { StorageGuard } from "./storage-guard.ts";
import { walkPieces } from "./walk-pieces.ts";
import { writeVmdk } from "./write-vmdk.ts";

/** Most of a name in a package: a tar header has room for 100 characters. */
const maxStem = 80;
/** Making a VMDK takes that part of the time, putting it into the package the rest. */
const madePart = 0.8;

/** A VM and its disks' images. */
export interface OvaContent {
  readonly path: string;
  readonly machine: Omit<MachineDescription, "disks">;
  readonly disks: readonly {
    readonly path: string;
    readonly format: string;
    readonly bus: MachineDisk["bus"];
  }[];
}

/**
 * Writes a VM into a new OVA: descriptor, one streamOptimized VMDK a disk, manifest; answers the whole file's
 * SHA-256, hex. It takes the VMDKs' room twice while it works.
 *
 * Throws `storage/outside`, `storage/exists`, `image/*`, `disk/full`, `cancelled`; nothing is left then.
 */
export async function writeOva(
  guard: StorageGuard,
  content: OvaContent,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<string> {
  const file = await guard.writable(content.path);
  const stem = path
    .basename(file, ".ova")
    .replace(/[^A-Za-z0-9._+-]/g, "_")
    .slice(0, maxStem);
  const capacities: Bytes[] = [];
  for (const disk of content.disks) {
    const { virtualSize } = await describeImage(guard, disk.path, disk.format, signal);
    capacities.push(virtualSize);
  }
  const total = bytes(capacities.reduce((sum, capacity) => sum + capacity, 0));
  const madeAt = (capacity: number): number => madePart * (capacity / Math.max(total, 1));
  const name = (index: number): string => `${stem}-disk${index + 1}.vmdk`;
  const disks = content.disks.map(
    ({ bus }, index): MachineDisk => ({
      ...{ id: `vmdisk${index + 1}`, file: name(index), bus, format: "vmdk" },
      capacity: capacities[index] ?? bytes(0),
    }),
  );
  let sha256 = "";
  await makeFile(file, undefined, async (partial) => {
    await using stack = new AsyncDisposableStack();
    const made: PackedImage[] = [];
    let done = 0;
    for (const [index, disk] of content.disks.entries()) {
      const handle = stack.use(await openUnnamed(partial));
      const from = madeAt(done);
      done += capacities[index] ?? 0;
      const onFraction = partProgress(onProgress, total, from, madeAt(done));
      await writeVmdk(disk, handle, name(index), onFraction, signal);
      made.push({ name: name(index), handle, size: (await handle.stat()).size });
    }
    const sizes = new Map(made.map((image) => [image.name, image.size]));
    const descriptor = formatDescriptor({ ...content.machine, disks }, sizes);
    const onPacked = partProgress(onProgress, total, madePart, 1);
    await using archive = new OvaWriter(await open(partial, "wx", 0o600));
    sha256 = await pack(archive, stem, descriptor, made, onPacked, signal);
  });
  return sha256;
}

interface PackedImage {
  readonly name: string;
  readonly handle: FileHandle;
  readonly size: number;
}

/** In the order of DSP0243 1.1, 5.3: the descriptor, the files as it refers to them, the manifest. */
async function pack(
  archive: OvaWriter,
  stem: string,
  descriptor: string,
  images: readonly PackedImage[],
  onFraction: (fraction: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const whole = images.reduce((sum, { size }) => sum + size, 0);
  let packed = 0;
  await archive.addText(`${stem}.ovf`, descriptor);
  for (const { name, handle, size } of images) {
    await archive.begin(name, size);
    const range = { offset: 0, length: size };
    for await (const piece of walkPieces(handle, range, `pack ${name}`, signal)) {
      await archive.write(piece);
      packed += piece.length;
      onFraction(packed / whole);
    }
    await archive.end();
  }
  await archive.addText(`${stem}.mf`, formatManifest(archive.digests));
  return await archive.finish();
}

/** A file that is gone with this process, however it ends: it lost its name at once. */
async function openUnnamed(name: string): Promise<FileHandle> {
  const handle = await open(name, "wx+", 0o600);
  await rm(name);
  return handle;
}

/** Writes the files of a package one after the other, and adds up what they are. */
class OvaWriter implements AsyncDisposable {
  readonly digests: FileDigest[] = [];
  readonly #handle: FileHandle;
  readonly #whole = createHash("sha256");
  #file = { name: "", size: 0, written: 0, hash: createHash("sha256") };

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async addText(name: string, text: string): Promise<void> {
    const data = Buffer.from(text);
    await this.begin(name, data.length);
    await this.write(data);
    await this.end();
  }

  async begin(name: string, size: number): Promise<void> {
    this.#file = { name, size, written: 0, hash: createHash("sha256") };
    await this.#put(formatTarHeader(name, size));
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#file.hash.update(piece);
    this.#file.written += piece.length;
    await this.#put(piece);
  }

  async end(): Promise<void> {
    const { name, size, written, hash } = this.#file;
    if (written !== size) {
      throw new CasemateError(
        "image/unreadable",
        `Cannot pack ${name}: it has ${written} bytes, expected ${size}.`,
      );
    }
    const over = size % TAR_BLOCK_BYTES;
    if (over > 0) await this.#put(Buffer.alloc(TAR_BLOCK_BYTES - over));
    this.digests.push({ name, algorithm: "sha256", digest: hash.digest("hex") });
  }

  /** Two blocks of zeros end an archive. Answers the whole file's SHA-256, hex. */
  async finish(): Promise<string> {
    await this.#put(Buffer.alloc(2 * TAR_BLOCK_BYTES));
    return this.#whole.digest("hex");
  }

  async #put(piece: Uint8Array): Promise<void> {
    this.#whole.update(piece);
    // A write may take less than it is given.
    for (let at = 0; at < piece.length; ) {
      at += (await this.#handle.write(piece, at, piece.length - at)).bytesWritten;
    }
  }
}
