import { type Bytes, bytes } from "@casemate/core";
import { describeImage } from "./describe-image.ts";
import { makeFile } from "./make-file.ts";
import type { OnProgress } from "./progress.ts";
import { inheritedFile, runQemuImg } from "./run-qemu-img.ts";
import { runQemuImgInto } from "./run-qemu-img-into.ts";
import type { StorageGuard } from "./storage-guard.ts";

export type ImageFormat = "raw" | "qcow2" | "vmdk";

/** An empty image. Throws `storage/outside`, `storage/exists`, `disk/full`, `cancelled`. */
export async function createImage(
  guard: StorageGuard,
  image: { readonly path: string; readonly format: "raw" | "qcow2"; readonly capacity: Bytes },
  signal?: AbortSignal,
): Promise<void> {
  const file = await guard.writable(image.path);
  const doing = `make ${image.path}`;
  await makeFile(file, undefined, async (partial) => {
    const args = ["create", "-q", "-f", image.format, inheritedFile, String(image.capacity)];
    await runQemuImgInto(partial, args, { doing }, signal);
  });
}

/** A qcow2 above `backing`; the path of what lies below is written into it as it is given. Throws as `createImage`, and `image/*`. */
export async function createOverlay(
  guard: StorageGuard,
  overlay: {
    readonly path: string;
    readonly backing: string;
    readonly backingFormat: "raw" | "qcow2";
  },
  signal?: AbortSignal,
): Promise<void> {
  const { path, backing, backingFormat } = overlay;
  const file = await guard.writable(path);
  const { virtualSize } = await describeImage(guard, backing, backingFormat, signal);
  const doing = `make ${path} above ${backing}`;
  await makeFile(file, backing, async (partial) => {
    // -u: what lies below may be a running VM's template, and its header has just been read.
    const below = ["-u", "-b", backing, "-F", backingFormat];
    const args = ["create", "-q", "-f", "qcow2", ...below, inheritedFile, String(virtualSize)];
    await runQemuImgInto(partial, args, { doing }, signal);
  });
}

/** A full copy of an image, with what it rests on merged into it. Throws as `createImage`, and `image/*`. */
export async function copyImage(
  guard: StorageGuard,
  request: {
    readonly from: string;
    readonly fromFormat: string;
    readonly to: string;
    readonly toFormat: ImageFormat;
    readonly snapshot?: string;
  },
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  const { from, fromFormat, toFormat, snapshot } = request;
  const file = await guard.writable(request.to);
  const source = await guard.readable(from);
  const { virtualSize: total } = await describeImage(guard, source, fromFormat, signal);
  const doing = `copy ${from} to ${request.to}`;
  const onPercent = (percent: number): void =>
    onProgress?.({ done: bytes(Math.round((total * percent) / 100)), total });
  await makeFile(file, source, async (partial) => {
    const part = snapshot === undefined ? [] : ["-l", `snapshot.name=${commaless(snapshot)}`];
    const args = [
      ...["convert", "-p", "-W", "-m", "4", "-f", fromFormat, "-O", toFormat],
      ...(toFormat === "vmdk" ? ["-o", "subformat=streamOptimized"] : []),
      ...part,
      ...[source, inheritedFile],
    ];
    await runQemuImgInto(partial, args, { doing, onPercent }, signal);
  });
}

/** Grows an image. Throws `storage/outside`, `image/unreadable`. */
export async function resizeImage(
  guard: StorageGuard,
  file: string,
  format: "raw" | "qcow2",
  capacity: Bytes,
  signal?: AbortSignal,
): Promise<void> {
  const real = await guard.writable(file);
  await describeImage(guard, file, format, signal);
  const args = ["resize", "-q", "-f", format, real, String(capacity)];
  await runQemuImg(args, { doing: `resize ${file}` }, signal);
}

/** QEMU's options are separated by commas; a doubled one stands for itself. */
function commaless(text: string): string {
  return text.replaceAll(",", ",,");
}
